"""The command line: serve, demo, migrate, check, keys, audit."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot import auditing, logs
from bot.settings import Settings, SettingsFault, load
from bot.vault import Unreadable

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 when something is wrong, 2 for unusable settings or arguments."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    # Before anything can crash: unconfigured, structlog shows local variables, and the settings are among them.
    logs.configure()
    try:
        return run(options)
    except SettingsFault as fault:
        print("\n".join(fault.lines), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Unreadable:
        return _fault("No key in ENCRYPTION_KEYS opens what this database holds: put back the key it was made with.")
    except (SQLAlchemyError, psycopg.Error) as failure:
        log.debug("the database failed", exc_info=failure)
        return _fault(
            f"The database does not answer, or `fieldview-bot migrate` was never run ({type(failure).__name__}). "
            "Check DATABASE_URL and the server."
        )
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        _write_no_more()
        return 0
    except auditing.Unfinished as failure:
        _write_no_more()
        return _fault(str(failure))
    except Exception:
        log.exception("the program crashed")
        return _fault("The program crashed; what happened is in the log above.")


def _write_no_more() -> None:
    """What is left of our output is not written at exit either, where it would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fault(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fieldview-bot", description="FieldView for Slack: watch and repair consents."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], purpose: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.set_defaults(run=run)
        return command

    add("serve", _serve, "Run the bot.")
    demo = add("demo", _demo, "Run the bot beside stand-ins for Slack, Leaf and FieldView, to try in a browser.")
    demo.add_argument(
        "--port", type=int, default=8700, help="where the demo's page is (default 8700, 0: any free port)"
    )
    add("migrate", _migrate, "Bring the database to the newest version.")
    add("check", _check, "Look at the settings and every outside service, and say what is wrong.")
    keys = add("keys", _help, "Look after the keys that encrypt what is stored.")
    rotation = keys.add_subparsers(required=True, metavar="WHAT").add_parser(
        "rotate", help="Encrypt everything anew with the first of ENCRYPTION_KEYS, also while the bot serves."
    )
    rotation.set_defaults(run=_rotate)
    audit = add("audit", _help, "Prove or export the audit trail, or erase a person from it.")
    auditing.add_commands(audit, _settings)
    return parser


def _settings() -> Settings:
    settings = load()
    logs.configure(settings.log_level, settings.log_format)
    return settings


def _serve(options: argparse.Namespace) -> int:
    from bot.serving import serve

    return asyncio.run(serve(_settings()))


def _demo(options: argparse.Namespace) -> int:
    from bot.demo import demo

    return asyncio.run(demo(options.port))


def _migrate(options: argparse.Namespace) -> int:
    from bot.app import migrate

    migrate(_settings().database_url.get_secret_value())
    print("The database is at the newest version.")
    return 0


def _check(options: argparse.Namespace) -> int:
    from bot.checking import check

    return asyncio.run(check(_settings(), print))


def _help(options: argparse.Namespace) -> int:
    raise AssertionError("argparse asks for what")


def _rotate(options: argparse.Namespace) -> int:
    from bot.app import rotating

    async def rotate() -> int:
        lost = 0
        async with rotating(_settings()) as rotation:
            async for done in rotation.kinds:
                print(f"{done.name}: {done.anew} encrypted anew, {done.already} were already, {done.unreadable} lost")
                lost += done.unreadable
            older = await rotation.left_to_the_engine()
        if older:
            print(
                f"{older} jobs of the engine still need an older key. They hold ids, no secret, and are gone a week "
                "after they end: keep the older key in ENCRYPTION_KEYS until this says so no more."
            )
        else:
            print("Nothing needs an older key any more.")
        if lost:
            print("What is lost was encrypted with a key that is no longer in ENCRYPTION_KEYS. Put it back.")
        return 1 if lost else 0

    return asyncio.run(rotate())


if __name__ == "__main__":
    sys.exit(main())
