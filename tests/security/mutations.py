"""Each security check, taken out, must make a test fail: `python -m tests.security.mutations [WORD]` tries them all.

Works on a copy of the program. Prints one line for each: what was taken out, and which test noticed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = ("bot", "handlers", "storage", "tests", "benchmarks", "pyproject.toml", "manifest.yml")


@dataclass(frozen=True)
class Mutation:
    """A check, what it looks like in which file, and without it; `tests` must hold one that fails then."""

    check: str
    file: str
    code: str
    without: str
    tests: tuple[str, ...]


SLACK, WEB = "tests/security/test_slack_requests.py", "tests/security/test_web_requests.py"
ROUTES, CONSENT = "tests/security/test_every_route.py", "tests/journeys/test_consent.py"
GATE, LIMITS = "tests/security/test_gate.py", "tests/security/test_limits.py"
ACCESS = "tests/journeys/test_access.py"
BULK = "tests/journeys/test_bulk.py"
AUDIT_ROWS = "tests/journeys/test_audit_rows.py"
JOURNAL, RETENTION = "tests/bot/test_journal.py", "tests/bot/test_retention.py"
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)

MUTATIONS = (
    Mutation(
        "the comparison of roles",
        "bot/access.py",
        "        if role.covers(needed):\n            return Admitted(user, role)\n",
        "        if True:\n            return Admitted(user, role)\n",
        (GATE, "-k", "less_than"),
    ),
    Mutation(
        "the refusal of guests",
        "bot/access.py",
        "if person.is_outsider or person.is_bot or person.is_gone:",
        "if person.is_bot or person.is_gone:",
        (GATE, "-k", "outsiders_reach"),
    ),
    Mutation(
        "the refusal of shared channels",
        "bot/access.py",
        "        if found.is_shared:\n",
        "        if False:\n",
        (GATE, "-k", "outsiders_read"),
    ),
    Mutation(
        "channels that workspaces of one organisation share",
        "bot/slack/client.py",
        ', "is_org_shared")',
        ")",
        (ACCESS, "-k", "outsiders_may_read and within"),
    ),
    Mutation(
        "the refusal of a secret given twice",
        "bot/settings.py",
        "        if environment.get(field):\n",
        "        if False:\n",
        ("tests/bot/test_settings.py", "-k", "given_twice"),
    ),
    Mutation(
        "the comparison before a rotated secret is exchanged",
        "storage/sealed_columns.py",
        "where(sealed.key == key, sealed.column == old)",
        "where(sealed.key == key)",
        ("tests/bot/test_rotation.py", "-k", "meanwhile and sqlite"),
    ),
    Mutation(
        "the check that a proxy is trusted before it is believed",
        "handlers/limits.py",
        "    if not _is_in(peer, trusted):",
        "    if False:",
        (LIMITS, "-k", "whose_address"),
    ),
    Mutation(
        "the check that a POST comes from our own page",
        "handlers/web.py",
        "if not is_own_click(Request(scope), self._public_url):",
        "if False:",
        (LIMITS, "-k", "another_sites"),
    ),
    Mutation(
        "Slack's signature",
        "handlers/slack_events.py",
        "return self._verifier.is_valid(body=body, timestamp=timestamp, signature=signature)",
        "return True",
        (SLACK, "-k", "sign"),
    ),
    Mutation(
        "a timestamp that is a number",
        "handlers/slack_events.py",
        "timestamp.isascii() and timestamp.isdigit() and signature.isascii()",
        "True",
        (SLACK, "-k", "just_now"),
    ),
    Mutation(
        "replays of Slack's requests",
        "handlers/slack_events.py",
        "        if signature in self._seen:\n            return True\n",
        "",
        (SLACK, "-k", "replayed"),
    ),
    Mutation(
        "fields that come twice",
        "handlers/slack_events.py",
        "if len(fields) != len(pairs):",
        "if False:",
        (SLACK, "-k", "malformed"),
    ),
    Mutation(
        "malformed UTF-8 in a form",
        "handlers/slack_events.py",
        ', errors="strict"',
        "",
        (SLACK, "-k", "malformed"),
    ),
    Mutation(
        "keys that come twice",
        "bot/strict_json.py",
        "if len(found) != len(pairs):",
        "if False:",
        (WEB, "-k", "nobody_can_read and sqlite"),
    ),
    Mutation(
        "deep nesting",
        "bot/strict_json.py",
        "except RecursionError:",
        "except ZeroDivisionError:",
        (WEB, "-k", "nobody_can_read and sqlite"),
    ),
    Mutation(
        "Leaf's signature",
        "bot/leaf/webhook.py",
        "return hmac.compare_digest(expected, given)",
        "return True",
        (WEB, "-k", "leaf_did_not_sign and sqlite"),
    ),
    Mutation(
        "the size of bodies",
        "handlers/web.py",
        "if max(size, len(body)) > LARGEST_BODY:",
        "if False:",
        (WEB, "-k", "exact"),
    ),
    Mutation("compressed bodies", "handlers/web.py", "    if packed:", "    if False:", (ROUTES, "-k", "unpacked")),
    Mutation(
        "bodies that do not come",
        "handlers/web.py",
        "asyncio.timeout_at(deadline)",
        "asyncio.timeout(None)",
        (ROUTES, "-k", "send_the_body"),
    ),
    Mutation(
        "heads that do not come", "bot/serving.py", "self.transport.close()", "pass", (ROUTES, "-k", "send_the_head")
    ),
    Mutation(
        "redirects made of the Host header",
        "handlers/web.py",
        "application.router.redirect_slashes = False",
        "pass",
        (WEB, "-k", "host_header"),
    ),
    Mutation(
        "parameters that come twice",
        "handlers/callback.py",
        " or _is_ambiguous(request)",
        "",
        (ROUTES, "-k", "twice_spends"),
    ),
    Mutation(
        "bodies that are looked at before anything is carried out",
        "handlers/web.py",
        "                    receive = await _whole(scope, receive)\n",
        "",
        (CONSENT, "-k", "hostile_body and sqlite"),
    ),
    Mutation(
        "what every answer below a secret address says of it",
        "handlers/web.py",
        '*(GUARDS if _holds_secrets(scope["path"]) else ())',
        "",
        (LIMITS, "-k", "whatever_its_status"),
    ),
    Mutation(
        "a HEAD on the callback",
        "handlers/callback.py",
        '        if request.method != "GET":\n            raise HTTPException(405, headers={"Allow": "GET"})\n',
        "",
        (CONSENT, "-k", "scanner_that_asks_for_the_head and sqlite"),
    ),
    Mutation(
        "the row of a foreign answer",
        "handlers/callback.py",
        '            await self._note(state, request.scope["request_id"])\n',
        "",
        (CONSENT, "-k", "foreign_answers and sqlite"),
    ),
    Mutation(
        "the gate before what is wrong in a form",
        "handlers/slack.py",
        "await self._refusal_in_time(asked) if faults else None",
        "None",
        (GATE, "-k", "outsiders_reach and faulty and guest"),
    ),
    Mutation(
        "admins who are asked for anew before they reach into channels",
        "bot/access.py",
        "await self.role_of(user, fresh=True) is Role.ADMIN",
        "await self.role_of(user) is Role.ADMIN",
        (ACCESS, "-k", "no_admin_any_more"),
    ),
    Mutation(
        "channels that are asked for anew for what takes an admin",
        "bot/access.py",
        "self._place_is_ours(channel, fresh=fresh)",
        "self._place_is_ours(channel, fresh=False)",
        (ACCESS, "-k", "came_in_a_moment_ago"),
    ),
    Mutation(
        "people of whom Slack does not say whether they are guests",
        "bot/slack/client.py",
        'if not (is_said or user.get("deleted")):',
        "if False:",
        ("tests/bot/test_slack_client.py", "-k", "is_no_guest"),
    ),
    Mutation(
        "private channels in the self-check",
        "bot/selfcheck.py",
        "if called is None else await called(found)",
        "",
        ("tests/journeys/test_health.py", "-k", "members_and_admins_only"),
    ),
    Mutation(
        "keys to the letter",
        "bot/settings.py",
        "if not all(map(_FERNET_KEY.fullmatch, keys)):",
        "if False:",
        ("tests/bot/test_settings.py", "-k", "to_the_letter"),
    ),
    Mutation(
        "guests in channels that are subscribed",
        "bot/subscribing.py",
        "        if guests:\n",
        "        if False:\n",
        ("tests/journeys/test_subscriptions.py", "-k", "guest_reads"),
    ),
    Mutation(
        "keys that open what is stored",
        "bot/selfcheck.py",
        "if not all(self._vault.can_open(text) for _, text in sample):",
        "if False:",
        ("tests/journeys/test_health.py", "-k", "loses_a_key"),
    ),
    Mutation(
        "addresses that lead elsewhere in the self-check",
        "bot/reachability.py",
        "follow_redirects=False",
        "follow_redirects=True",
        ("tests/bot/test_reachability.py", "-k", "not_followed"),
    ),
    Mutation(
        "the browser a state is bound to",
        "storage/consents.py",
        "            AttemptRow.browser_hash.in_(browser_hashes),\n            AttemptRow.used_at",
        "            AttemptRow.used_at",
        (CONSENT, "-k", "another_browser and sqlite"),
    ),
    Mutation(
        "colleagues who became guests",
        "bot/announcer.py",
        "        if person.is_outsider:\n            raise ChannelUnreachable(owed.channel, GUEST)\n",
        "",
        ("tests/bot/test_announcer.py", "-k", "whatever_kind and sqlite"),
    ),
    Mutation(
        "the role of whoever has a list made",
        "bot/bulk_making.py",
        "asker is None or not await self._access.still_covers(asker, Role.OPERATOR)",
        "asker is None",
        (BULK, "-k", "links_no_more and sqlite"),
    ),
    Mutation(
        "roles that Slack leaves open",
        "bot/access.py",
        "        if doubt and not role.covers(needed):\n            raise doubt\n",
        "",
        (BULK, "-k", "does_not_say and sqlite"),
    ),
    Mutation(
        "private channels in the trail",
        "handlers/replies.py",
        "    seen = await as_seen_by(request.user, page.entries, bot.access)\n",
        "    seen = page.entries\n",
        ("tests/journeys/test_subscriptions.py", "-k", "trail_names and sqlite"),
    ),
    Mutation(
        "the row of a refusal that comes again and again",
        "handlers/slack.py",
        "            self._refused(Asked(typing, typing.via, typing.action))\n",
        "",
        ("tests/journeys/test_type_ahead.py", "-k", "once_for_a_while and sqlite"),
    ),
    Mutation(
        "the row of a grower whom a killed attempt created",
        "bot/learning.py",
        "            if key in lost and await",
        "            if key not in lost and await",
        ("tests/journeys/test_audit_rows.py", "-k", "killed_attempt and sqlite and command"),
    ),
    Mutation(
        "that Leaf was asked for whom a killed attempt wanted to create",
        "storage/creations.py",
        "CreationRow.began_at < before, CreationRow.asked.is_not(False)",
        "(CreationRow.began_at < before,)",
        (AUDIT_ROWS, "-k", "before_asking and sqlite"),
    ),
    Mutation(
        "rows left behind at a stop",
        "bot/app.py",
        "        stack.push_async_callback(bot.journal.finish)\n",
        "",
        ("tests/journeys/test_audit_rows.py", "-k", "left_behind and sqlite"),
    ),
    Mutation(
        "a browser's secret that somebody planted",
        "bot/journey.py",
        "next((each for each in browser if digest(each) in began), None)",
        "next(iter(browser), None)",
        (CONSENT, "-k", "somebody_else_put and sqlite"),
    ),
    Mutation(
        "the end of a link that was replaced",
        "bot/consent_news.py",
        "                await self.replaced(session, older, at)\n",
        "",
        (CONSENT, "-k", "lives_no_longer and sqlite"),
    ),
    Mutation(
        "a state works once",
        "storage/consents.py",
        "            AttemptRow.used_at.is_(None),\n",
        "",
        (CONSENT, "-k", "works_once and sqlite"),
    ),
    Mutation(
        "half an hour at FieldView",
        "storage/consents.py",
        "            AttemptRow.expires_at > at,\n",
        "",
        (CONSENT, "-k", "half_an_hour and sqlite"),
    ),
    Mutation(
        "forms from other sites",
        "handlers/browser.py",
        '        return site in ("same-origin", "none")',
        "        return True",
        (CONSENT, "-k", "our_own_page and sqlite"),
    ),
    Mutation(
        "cookies that scripts cannot read",
        "handlers/browser.py",
        "httponly=True",
        "httponly=False",
        (CONSENT, "-k", "neighbour"),
    ),
    Mutation(
        "markup in names",
        "bot/messages/text.py",
        "return safe.translate(_ENTITIES)",
        "return text",
        ("tests/messages/test_foreign_text.py", "-k", "nobody_else_can"),
    ),
    Mutation(
        "wildcards in searches",
        "storage/growers.py",
        'return text.replace("\\\\", "\\\\\\\\").replace("%", "\\\\%").replace("_", "\\\\_")',
        "return text",
        ("tests/storage/test_memory.py", "-k", "sqlite"),
    ),
    Mutation(
        "secrets in what was typed",
        "handlers/slack.py",
        "redact(asked.typed)[:TYPED]",
        "asked.typed[:TYPED]",
        ("tests/journeys/test_audit_rows.py", "-k", "struck_out"),
    ),
    Mutation(
        "formulas in an export",
        "bot/spreadsheet.py",
        'return f"\'{text}" if',
        'return f"{text}" if',
        ("tests/test_command_line.py", "-k", "spreadsheet and sqlite"),
    ),
    Mutation(
        "the mac of an entry",
        "bot/verifying.py",
        "if not self._is_ours(sealed):",
        "if False:",
        (JOURNAL, "-k", "sqlite"),
    ),
    Mutation(
        "the order of entries",
        "bot/verifying.py",
        "if sealed.previous != walk.previous:",
        "if False:",
        (JOURNAL, "-k", "sqlite"),
    ),
    Mutation(
        "the numbers of entries",
        "bot/verifying.py",
        "if sealed.seq != number:",
        "if False:",
        (JOURNAL, "-k", "sqlite"),
    ),
    Mutation(
        "the end of the trail",
        "bot/verifying.py",
        "        if not met:",
        "        if False:",
        (JOURNAL, "-k", "sqlite"),
    ),
    Mutation(
        "names that were changed",
        "bot/verifying.py",
        "if not hmac.compare_digest(entry.commitment, commitment_to(entry)):",
        "if False:",
        (JOURNAL, "-k", "sqlite"),
    ),
    Mutation(
        "names that were removed unasked",
        "bot/verifying.py",
        "elif not walk.erasures.explain(sealed):",
        "elif False:",
        (JOURNAL, "-k", "sqlite"),
    ),
    Mutation(
        "checkpoints that are not ours",
        "bot/verifying.py",
        "if not self._seal.is_ours(checkpoint):",
        "if False:",
        (RETENTION, "-k", "hides_nothing and sqlite"),
    ),
    Mutation(
        "anchors of entries",
        "bot/verifying.py",
        "if anchor is not None and anchor.mac != mac:",
        "if False:",
        (RETENTION, "-k", "rewritten and sqlite"),
    ),
    Mutation(
        "anchors beyond the end",
        "bot/verifying.py",
        "if newest is not None and newest.seq > walk.last:",
        "if False:",
        (RETENTION, "-k", "cut_off and sqlite"),
    ),
    Mutation(
        "the database refuses changes",
        "storage/migrations/versions/0011_audit_keeping.py",
        '            op.execute(_sqlite_trigger("audit", deed, f"WHEN NOT ({allowed}) "))\n',
        "",
        (RETENTION, "-k", "lets_go and sqlite"),
    ),
    Mutation(
        "numbers below the first",
        "bot/verifying.py",
        "        if sealed.seq <= 0:\n",
        "        if False:\n",
        (JOURNAL, "-k", "tampering and sqlite"),
    ),
    Mutation(
        "entries below the first are read",
        "storage/audit.py",
        "    seq: int | None = None\n",
        "    seq: int | None = 0\n",
        (JOURNAL, "-k", "tampering and sqlite"),
    ),
    Mutation(
        "the database refuses to put an entry in another's place",
        "storage/migrations/versions/0029_audit_numbers.py",
        'TAKEN = "EXISTS (SELECT 1 FROM {table} WHERE seq = NEW.seq)"',
        'TAKEN = "0"',
        (RETENTION, "-k", "in_the_place and sqlite or of_its_number and sqlite"),
    ),
    Mutation(
        "the database refuses numbers below the first",
        "storage/migrations/versions/0029_audit_numbers.py",
        "NEW.seq <= 0 OR ",
        "",
        (RETENTION, "-k", "in_the_place and sqlite"),
    ),
    Mutation(
        "the proof of what is about to be removed",
        "bot/verifying.py",
        "                    self._hold(walk, sealed)\n                    if sealed.entry.at",
        "                    walk.rows += 1\n                    if sealed.entry.at",
        (RETENTION, "-k", "not_what_was_written and sqlite"),
    ),
    Mutation(
        "the anchors of what is about to be removed",
        "bot/verifying.py",
        "                await self._read_anchors(walk)\n                await self._start",
        "                await self._start",
        (RETENTION, "-k", "not_what_was_anchored and sqlite"),
    ),
    Mutation(
        "erasures that are not ours",
        "bot/verifying.py",
        "[sealed for sealed in said if self._is_ours(sealed)]",
        "said",
        (RETENTION, "-k", "excuses_no_words and sqlite"),
    ),
    Mutation(
        "operators hear that nothing is removed",
        "bot/timer.py",
        "await self._bot.announcer.tell_operators(needs.not_proved(str(broken)))",
        "pass",
        ("tests/journeys/test_health.py", "-k", "rewrote and sqlite"),
    ),
    Mutation(
        "the whole anchor in the log",
        "bot/logs.py",
        " or (name == ANCHOR and _ANCHOR.fullmatch(text))",
        "",
        (RETENTION, "-k", "out_of_the_log and sqlite"),
    ),
    Mutation(
        "nothing but an anchor in the log's field of anchors",
        "bot/logs.py",
        "(name == ANCHOR and _ANCHOR.fullmatch(text))",
        "name == ANCHOR",
        ("tests/bot/test_redaction.py", "-k", "own_field"),
    ),
    Mutation(
        "words of a grower on rows of others",
        "storage/audit_keeping.py",
        "    await _forget_mentions(session, words)\n",
        "",
        (RETENTION, "-k", "tells_of and sqlite"),
    ),
    Mutation(
        "what is erased is overwritten",
        "storage/database.py",
        'connection.exec_driver_sql("PRAGMA secure_delete=ON")',
        "pass",
        (RETENTION, "-k", "stays_in_the_files"),
    ),
    Mutation(
        "the log of writes is emptied",
        "bot/retention.py",
        "await self._database.leave_no_copy()",
        "True",
        (RETENTION, "-k", "stays_in_the_files"),
    ),
    Mutation(
        "an export that does not end well",
        "bot/auditing.py",
        'await journal.write("cli", "command line", "audit-export", "failed", request_id, detail=why)',
        "pass",
        ("tests/test_command_line.py", "-k", "recorded_as_failed"),
    ),
    Mutation(
        "the day for agreeing",
        "bot/disconnecting.py",
        "if wanted.state is DisconnectionState.WAITING and wanted.due_at <= now:",
        "if False:",
        ("tests/journeys/test_disconnecting.py", "-k", "nobody_agrees and sqlite"),
    ),
    Mutation(
        "the row comes with the effect",
        "bot/inviting.py",
        "            await self._journal.fulfil(\n                session,\n",
        "            dict(\n",
        (AUDIT_ROWS, "-k", "before_the_edge and sqlite"),
    ),
    Mutation(
        "the row comes with a link that is shown again",
        "bot/inviting.py",
        """            invitation = await self._one_more(session, consent_id, grower)
            await self._journal.fulfil(session, consent=consent_id)
""",
        "            invitation = await self._one_more(session, consent_id, grower)\n",
        (AUDIT_ROWS, "-k", "before_the_edge and sqlite"),
    ),
    Mutation(
        "the row comes with a grower who is created",
        "bot/directory.py",
        'await self._journal.on_the_way(session, "grower-created", grower)',
        "pass",
        (AUDIT_ROWS, "-k", "created and sqlite"),
    ),
    Mutation(
        "one row for each request",
        "bot/journal.py",
        "if not await audit.is_written(session, deed.request_id, deed.actor, deed.action):",
        "if True:",
        (JOURNAL, "-k", "sqlite"),
    ),
)


def main(word: str = "") -> int:
    """Try every mutation whose name holds the word; returns 1 when one survives."""
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="fieldview-mutations-") as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            shutil.copytree(source, copy / name) if source.is_dir() else shutil.copy(source, copy / name)
        for mutation in (each for each in MUTATIONS if word in each.check):
            noticed = _noticed(copy, mutation)
            survivors += noticed is None
            print(f"| {mutation.check} | `{mutation.file}` | {noticed or 'NOBODY NOTICED'} |", flush=True)  # noqa: T201
    return int(survivors > 0)


def _noticed(copy: Path, mutation: Mutation) -> str | None:
    """The first test that fails without the check."""
    path = copy / mutation.file
    whole = path.read_text(encoding="utf-8")
    if whole.count(mutation.code) != 1:
        raise SystemExit(f"{mutation.file} has no longer exactly one {mutation.code!r}")
    path.write_text(whole.replace(mutation.code, mutation.without), encoding="utf-8")
    try:
        told = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutation.tests],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_text(whole, encoding="utf-8")
    failed = FAILED.search(told.stdout)
    if told.returncode == 1 and failed:
        return f"`{failed[1].split('::')[-1].split('[')[0]}`"
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
