"""manifest.yml asks Slack for what the code uses: no command, event, address or scope more or less."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack import client
from handlers.shortcuts import SHORTCUTS
from tests.house import repository

# What each method needs of a bot token. Source: the methods' pages at https://docs.slack.dev/reference/methods.
SCOPES: dict[str, set[str]] = {
    "apps_connections_open": set(),
    "auth_test": set(),
    "chat_delete": {"chat:write"},
    "chat_getPermalink": set(),
    # A person's id as the channel opens the direct message without im:write.
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write"},
    "chat_update": {"chat:write"},
    "conversations_info": {"channels:read", "groups:read"},
    "conversations_list": {"channels:read", "groups:read"},
    "conversations_members": {"channels:read", "groups:read"},
    "conversations_open": {"im:write"},
    "files_info": {"files:read"},
    "files_upload_v2": {"files:write"},
    "team_info": {"team:read"},
    "usergroups_list": {"usergroups:read"},
    "usergroups_users_list": {"usergroups:read"},
    "users_info": {"users:read"},
    "users_list": {"users:read"},
    "users_lookupByEmail": {"users:read", "users:read.email"},
    "views_open": set(),
    "views_publish": set(),
    "views_push": set(),
    "views_update": set(),
}
WEB_API = {name for name in vars(AsyncWebClient) if "_" in name.strip("_")}
OUTSIDE_WORLD = ("bot/sandbox", "bot/demo")


def manifest() -> Any:
    return repository.yml("manifest.yml")


def trees(*folders: str) -> Iterator[ast.Module]:
    """Every module of ours in these folders."""
    for path in repository.python_files(*folders):
        if not path.relative_to(repository.ROOT).as_posix().startswith(OUTSIDE_WORLD):
            yield ast.parse(path.read_text())


def method_calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node


def registered(kind: str) -> set[str]:
    """The texts with which `app.<kind>("…")` is called; a name stands for its text."""
    modules = list(trees("handlers"))
    named = {
        target.id: node.value.value
        for tree in modules
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found: set[str] = set()
    for tree in modules:
        for name, call in method_calls(tree):
            if name == kind and call.args:
                first = call.args[0]
                text = first.value if isinstance(first, ast.Constant) else named.get(getattr(first, "id", ""))
                if isinstance(text, str):
                    found.add(text)
    return found


def texts(module: str) -> set[str]:
    tree = ast.parse(repository.text(module))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def web_api_methods() -> set[str]:
    return {name for tree in trees("bot", "handlers") for name, _ in method_calls(tree)} & WEB_API


def addresses() -> list[str]:
    found: list[str] = re.findall(r"^\s+\w+: (https://\S+)$", repository.text("manifest.yml"), re.MULTILINE)
    return found


def test_it_has_the_commands_that_are_handled() -> None:
    assert {command["command"] for command in manifest()["features"]["slash_commands"]} == registered("command")


def test_it_subscribes_to_the_events_that_are_handled() -> None:
    assert set(manifest()["settings"]["event_subscriptions"]["bot_events"]) == registered("event")


def test_it_offers_the_shortcuts_that_are_handled() -> None:
    offered = [(each["callback_id"], each["type"], each["name"]) for each in manifest()["features"]["shortcuts"]]
    assert offered == [(callback_id, offer.where, offer.title) for callback_id, offer in SHORTCUTS.items()]


def test_every_web_api_method_that_is_called_has_its_scopes_written_down() -> None:
    assert web_api_methods() - SCOPES.keys() == set(), "look up their scopes and add them to SCOPES"


def test_it_asks_for_the_scopes_that_are_used_and_no_other() -> None:
    used = set().union(*(SCOPES[name] for name in web_api_methods() & SCOPES.keys()))
    assert set(manifest()["oauth_config"]["scopes"]["bot"]) == used | {"commands"}


def test_the_self_check_asks_for_the_scopes_of_the_manifest() -> None:
    assert set(manifest()["oauth_config"]["scopes"]["bot"]) == client.SCOPES


def test_every_address_is_the_route_for_slack_on_one_host_to_replace() -> None:
    assert len(addresses()) == 4
    assert {urlsplit(address).hostname for address in addresses()} == {"fieldview.example.com"}
    assert {urlsplit(address).path for address in addresses()} <= texts("handlers/web.py")


def test_mentions_arrive_escaped() -> None:
    assert [command["should_escape"] for command in manifest()["features"]["slash_commands"]] == [True]


def test_growers_and_agents_can_write_to_the_bot_and_see_its_home() -> None:
    assert manifest()["features"]["app_home"] == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": False,
    }


def test_socket_mode_needs_what_the_head_of_the_file_says_and_nothing_else() -> None:
    without = re.sub(r"^.*https://fieldview\.example\.com.*\n", "", repository.text("manifest.yml"), flags=re.MULTILINE)
    over_socket = yaml.safe_load(without.replace("socket_mode_enabled: false", "socket_mode_enabled: true"))
    assert over_socket["settings"]["socket_mode_enabled"] is True
    assert over_socket["settings"]["interactivity"] == {"is_enabled": True}
    assert over_socket["settings"]["event_subscriptions"] == {"bot_events": ["app_home_opened"]}
    assert "url" not in over_socket["features"]["slash_commands"][0]
    assert addresses()
    assert not re.search("https://(?!api.slack.com)", without)


# Source: slackapi/manifest-schema, schemas/manifest.schema.2.0.0.json.
LENGTHS: dict[tuple[str | int, ...], tuple[int, int]] = {
    ("display_information", "name"): (1, 35),
    ("display_information", "description"): (1, 140),
    ("display_information", "long_description"): (175, 4000),
    ("features", "bot_user", "display_name"): (1, 80),
    **{("features", "shortcuts", number, "name"): (1, 24) for number in range(len(SHORTCUTS))},
    **{("features", "shortcuts", number, "callback_id"): (1, 255) for number in range(len(SHORTCUTS))},
    **{("features", "shortcuts", number, "description"): (1, 150) for number in range(len(SHORTCUTS))},
    ("features", "slash_commands", 0, "command"): (2, 32),
    ("features", "slash_commands", 0, "description"): (1, 2000),
    ("features", "slash_commands", 0, "usage_hint"): (1, 1000),
}


@pytest.mark.parametrize("place", LENGTHS, ids=lambda place: ".".join(map(str, place)))
def test_slack_accepts_its_texts(place: tuple[str | int, ...]) -> None:
    text = manifest()
    for part in place:
        text = text[part]
    shortest, longest = LENGTHS[place]
    assert shortest <= len(text) <= longest


KNOWN: dict[tuple[str, ...], set[str]] = {
    (): {"_metadata", "display_information", "features", "oauth_config", "settings"},
    ("display_information",): {"name", "description", "long_description", "background_color"},
    ("features",): {"app_home", "bot_user", "shortcuts", "slash_commands", "unfurl_domains"},
    ("oauth_config",): {"redirect_urls", "scopes", "token_management_enabled", "pkce_enabled"},
    ("oauth_config", "scopes"): {"bot", "user", "bot_optional", "user_optional"},
    ("settings",): {
        "allowed_ip_address_ranges",
        "event_subscriptions",
        "interactivity",
        "org_deploy_enabled",
        "socket_mode_enabled",
        "token_rotation_enabled",
    },
    ("settings", "event_subscriptions"): {"request_url", "bot_events", "user_events"},
    ("settings", "interactivity"): {"is_enabled", "request_url", "message_menu_options_url"},
}


@pytest.mark.parametrize("place", KNOWN, ids=lambda place: ".".join(place) or "top")
def test_slack_knows_every_key(place: tuple[str, ...]) -> None:
    part = manifest()
    for name in place:
        part = part[name]
    assert set(part) <= KNOWN[place]
