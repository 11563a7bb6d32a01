# GNU make 3.81 or newer (what macOS ships). Every target sets up .venv by itself; a second run finds it ready.
.DEFAULT_GOAL := help
.PHONY: help demo test check bench month soak lock clean serve-packages dev-packages

python := .venv/bin/python
python_folders := $(wildcard bot handlers storage tests benchmarks)
# One worker per core. Choose tests with ARGS: make test ARGS="tests/house -k wheel"
pytest := $(python) -m pytest --numprocesses auto --dist worksteal

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

demo: serve-packages ## Start the real bot beside stand-ins for Slack, Leaf and FieldView; prints one address to open
	@exec $(python) -m bot demo

test: dev-packages ## Run every test
	$(pytest) $(ARGS)

check: dev-packages ## What CI runs: dependencies, format, lint, types, import rules, tests
	@$(python) requirements/audit
	$(python) -m ruff format --check $(python_folders)
	$(python) -m ruff check $(python_folders)
	$(python) -m mypy $(python_folders)
	.venv/bin/lint-imports --no-logo
	$(pytest) $(ARGS)

bench: dev-packages ## Run the benchmarks, each beside its baseline
	@test -f benchmarks/__main__.py || { echo "There are no benchmarks yet: benchmarks/__main__.py is missing." >&2; exit 1; }
	@$(python) -m benchmarks

month: dev-packages ## Play a month of ordinary life with 500 growers and count what a channel hears; takes minutes
	@$(python) -m benchmarks.month $(ARGS)

soak: dev-packages ## Kill the program 100 times on each database while alerts come and go; prints the counts
	@$(python) -m tests.faults.soak $(ARGS)

lock: ## Write requirements/*.txt anew from pyproject.toml, with the newest versions it allows
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/getting-started/installation/" >&2; exit 1; }
	uv pip compile $(lock_options) pyproject.toml --output-file requirements/serve.txt
	uv pip compile $(lock_options) pyproject.toml --group dev --output-file requirements/dev.txt
	uv pip compile $(lock_options) --group build --group image --output-file requirements/build.txt

lock_options := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

clean: ## Remove .venv and everything that tools leave behind
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(python_folders) -name __pycache__ -type d -prune -exec rm -rf {} +

serve-packages:
	@requirements/install serve

dev-packages:
	@requirements/install dev
