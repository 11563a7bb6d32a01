"""The files at the top of the repository, read."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def toml(name: str) -> Any:
    return tomllib.loads(text(name))


def yml(name: str) -> Any:
    return yaml.safe_load(text(name))


def python_files(*folders: str) -> list[Path]:
    """Every module in these folders."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
