"""Block Kit as the stand-in checks it: every limit holds at its edge and breaks one beyond it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models import blocks as sdk
from slack_sdk.models.blocks import Block, InteractiveElement

from bot.sandbox.slack.block_kit import BLOCKS, ELEMENTS, HOME, MESSAGE, MODAL, check_blocks, check_view
from bot.sandbox.slack.elements import places, state_values, with_ids

from .slack_stage import actions, button, modal, option, section, submit_label, text_input

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def label(**element: Any) -> Json:
    return {"type": "input", "label": plain("Label"), "element": {"action_id": "a", **element}}


def select(count: int) -> Json:
    return {"type": "static_select", "action_id": "s", "options": [option(str(number)) for number in range(count)]}


def grouped(count: int) -> Json:
    group = {"label": plain("Group"), "options": [option("x")]}
    return {"type": "static_select", "action_id": "s", "option_groups": [group] * count}


def overflow(count: int) -> Json:
    return {"type": "overflow", "action_id": "o", "options": [option(str(number)) for number in range(count)]}


def confirmed(**sizes: int) -> Json:
    texts = {name: plain("x" * sizes.get(name, 1)) for name in ("title", "text", "confirm", "deny")}
    return actions(button("a", confirm=texts))


def table(rows: int, columns: int) -> Json:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * columns] * rows}


def card(**parts: Any) -> Json:
    return {"type": "card", "title": mrkdwn("Title"), **parts}


def chart(*names: str, title: str = "t", days: int = 7) -> Json:
    labels = [f"day {number}" for number in range(days)]
    data = [{"label": label, "value": 1} for label in labels]
    series = [{"name": name, "data": list(map(dict, data))} for name in names or ("s",)]
    plot = {"type": "bar", "series": series, "axis_config": {"categories": labels}}
    return {"type": "data_visualization", "title": title, "chart": plot}


LIMITS: dict[str, tuple[Any, int]] = {
    "section text": (lambda n: section("x" * n), 3000),
    "section fields": (lambda n: {"type": "section", "fields": [mrkdwn("x")] * n}, 10),
    "section field": (lambda n: {"type": "section", "fields": [mrkdwn("x" * n)]}, 2000),
    "header": (lambda n: {"type": "header", "text": plain("x" * n)}, 150),
    "actions": (lambda n: actions(*(button(f"b{number}") for number in range(n))), 25),
    "context": (lambda n: {"type": "context", "elements": [mrkdwn("x")] * n}, 10),
    "button text": (lambda n: actions(button("a", "x" * n)), 75),
    "button value": (lambda n: actions(button("a", value="x" * n)), 2000),
    "button url": (lambda n: actions(button("a", url="x" * n)), 3000),
    "action id": (lambda n: actions(button("x" * n)), 255),
    "block id": (lambda n: actions(button("a"), block_id="x" * n), 255),
    "confirm title": (lambda n: confirmed(title=n), 100),
    "confirm text": (lambda n: confirmed(text=n), 300),
    "confirm button": (lambda n: confirmed(confirm=n), 30),
    "select options": (lambda n: actions(select(n)), 100),
    "select groups": (lambda n: actions(grouped(n)), 100),
    "option text": (lambda n: actions(overflow(1) | {"options": [option("v", "x" * n)]}), 75),
    "option value": (lambda n: actions(overflow(1) | {"options": [option("x" * n, "t")]}), 150),
    "overflow options": (lambda n: actions(overflow(n)), 5),
    "checkboxes": (lambda n: label(type="checkboxes", options=[option(str(each)) for each in range(n)]), 10),
    "input label": (lambda n: label(type="datepicker") | {"label": plain("x" * n)}, 2000),
    "placeholder": (lambda n: label(type="plain_text_input", placeholder=plain("x" * n)), 150),
    "image alt text": (lambda n: {"type": "image", "image_url": "https://x.example/a.png", "alt_text": "x" * n}, 2000),
    "table rows": (lambda n: table(n, 2), 100),
    "table columns": (lambda n: table(2, n), 20),
    "chart title": (lambda n: chart(title="x" * n), 50),
    "chart series": (lambda n: chart(*(f"s{number}" for number in range(n))), 6),
    "chart series name": (lambda n: chart("x" * n), 20),
    "chart categories": (lambda n: chart(days=n), 20),
    "markdown": (lambda n: {"type": "markdown", "text": "x" * n}, 12_000),
    "card title": (lambda n: card(title=mrkdwn("x" * n)), 150),
    "card body": (lambda n: card(body=mrkdwn("x" * n)), 200),
    "carousel": (lambda n: {"type": "carousel", "elements": [card()] * n}, 10),
    "container": (lambda n: {"type": "container", "title": plain("T"), "child_blocks": [section("x")] * n}, 10),
}


@pytest.mark.parametrize(("build", "limit"), LIMITS.values(), ids=LIMITS)
def test_a_limit_is_kept_and_one_more_is_refused(build: Any, limit: int) -> None:
    assert check_blocks([build(limit)], MESSAGE) == []
    assert check_blocks([build(limit + 1)], MESSAGE)


@pytest.mark.parametrize(("surface", "limit"), [(MESSAGE, 50), (MODAL, 100), (HOME, 100)])
def test_a_surface_takes_so_many_blocks(surface: str, limit: int) -> None:
    assert check_blocks([{"type": "divider"}] * limit, surface) == []
    (problem,) = check_blocks([{"type": "divider"}] * (limit + 1), surface)
    assert problem == f"no more than {limit} items allowed [json-pointer:/blocks]"


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ({"type": "secton", "text": mrkdwn("x")}, "unsupported type: secton [json-pointer:/blocks/0/type]"),
        (actions({"type": "buton"}), "unsupported type: buton [json-pointer:/blocks/0/elements/0/type]"),
        ({"type": "section"}, "missing required field: one of text, fields [json-pointer:/blocks/0]"),
        ({"type": "header", "text": mrkdwn("x")}, "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"),
        (section("x", color="red"), "invalid additional property: color [json-pointer:/blocks/0]"),
        (actions(button("a", style="loud")), "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]"),
        (
            actions(button("a"), button("a", "Again")),
            "`action_id` a already exists for another element [json-pointer:/blocks/0]",
        ),
        (
            actions({"type": "plain_text_input", "action_id": "a"}),
            "unsupported type: plain_text_input [json-pointer:/blocks/0/elements/0/type]",
        ),
        (actions(overflow(0)), "no fewer than 1 items allowed [json-pointer:/blocks/0/elements/0/options]"),
        ({"type": "alert", "text": mrkdwn("x")}, "unsupported type: alert [json-pointer:/blocks/0/type]"),
        (
            {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}], []]},
            "no fewer than 1 items allowed [json-pointer:/blocks/0/rows/1]",
        ),
    ],
)
def test_a_mistake_is_named_in_slacks_words(block: Json, complaint: str) -> None:
    assert complaint in check_blocks([block], MESSAGE)


def test_empty_text_is_refused() -> None:
    assert "must be more than 0 characters [json-pointer:/blocks/0/text/text]" in check_blocks([section("")], MESSAGE)


def test_an_initial_option_must_be_offered() -> None:
    assert check_blocks([actions(select(2) | {"initial_option": option("1")})], MESSAGE) == []
    assert check_blocks([actions(select(2) | {"initial_option": option("9")})], MESSAGE)


def test_two_blocks_cannot_share_an_id() -> None:
    (problem,) = check_blocks([section("x", block_id="same"), section("y", block_id="same")], MESSAGE)
    assert "`block_id` same already exists" in problem


def test_a_message_holds_one_table_and_a_modal_none() -> None:
    assert check_blocks([table(2, 2)], MESSAGE) == []
    assert check_blocks([table(2, 2), table(2, 2)], MESSAGE) == ["only_one_table_allowed [json-pointer:/blocks]"]
    assert check_blocks([table(2, 2)], MODAL)


def test_an_alert_stands_in_modals_only() -> None:
    alert = {"type": "alert", "level": "warning", "text": mrkdwn("Careful")}
    assert check_blocks([alert], MODAL) == []
    assert check_blocks([alert], HOME)


def test_markdown_blocks_share_one_allowance() -> None:
    half = {"type": "markdown", "text": "x" * 6001}
    assert check_blocks([half], MESSAGE) == []
    assert check_blocks([half, half], MESSAGE)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"title": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/title/text]"),
        ({"submit": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/submit/text]"),
        ({"close": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/close/text]"),
        ({"private_metadata": "x" * 3001}, "must be less than 3001 characters [json-pointer:/view/private_metadata]"),
        ({"callback_id": "x" * 256}, "must be less than 256 characters [json-pointer:/view/callback_id]"),
        ({"type": "sheet"}, "unsupported type: sheet [json-pointer:/view/type]"),
    ],
)
def test_a_view_has_limits_of_its_own(more: Json, complaint: str) -> None:
    assert check_view(modal(section("x")), MODAL) == []
    assert complaint in check_view(modal(section("x")) | more, MODAL)


def test_a_form_needs_a_submit_button_and_a_home_has_none() -> None:
    assert check_view(modal(text_input("name"), submit=submit_label()), MODAL) == []
    assert check_view(modal(text_input("name")), MODAL) == ["missing required field: submit [json-pointer:/view]"]
    home = {"type": "home", "blocks": [section("x")]}
    assert check_view(home, HOME) == []
    assert check_view(home | {"submit": plain("Save")}, HOME)


def test_a_chart_has_a_number_for_each_of_its_categories_and_names_of_its_own() -> None:
    def complaints(block: Json) -> list[str]:
        return [problem.partition(" [")[0] for problem in check_blocks([block], MESSAGE)]

    short = chart()
    short["chart"]["series"][0]["data"].pop()
    assert complaints(short) == ["labels must match the categories"]
    assert complaints(chart("s", "s")) == ["series names must be unique"]
    words = chart()
    words["chart"]["series"][0]["data"][0]["value"] = "3"
    assert complaints(words) == ["must provide a number"]


def test_a_message_has_two_charts_at_most() -> None:
    assert check_blocks([chart(), chart()], MESSAGE) == []
    assert check_blocks([chart()] * 3, MESSAGE) == [
        "no more than 2 data_visualization blocks allowed [json-pointer:/blocks]"
    ]
    assert check_blocks([chart()], HOME)


def kinds_of(base: type) -> set[str]:
    """The `type` of every class of the SDK below this one."""
    classes = [each for each in vars(sdk).values() if isinstance(each, type) and issubclass(each, base)]
    return {kind for each in classes if isinstance(kind := getattr(each, "type", None), str)}


def test_every_block_and_element_of_the_sdk_is_known() -> None:
    assert kinds_of(Block) - {"call"} <= set(BLOCKS)
    assert kinds_of(InteractiveElement) <= set(ELEMENTS)


def test_what_the_sdk_builds_is_accepted() -> None:
    built = [
        sdk.HeaderBlock(text="Broken"),
        sdk.SectionBlock(text="*x*", accessory=sdk.ButtonElement(text="Go", action_id="go", value="1", style="danger")),
        sdk.SectionBlock(fields=["a", "b"]),
        sdk.ContextBlock(elements=[sdk.MarkdownTextObject(text="x"), sdk.ImageElement(image_url="u", alt_text="a")]),
        sdk.ActionsBlock(
            elements=[
                sdk.StaticSelectElement(action_id="s", placeholder="p", options=[sdk.Option(value="v", text="t")]),
                sdk.ConversationSelectElement(action_id="c"),
                sdk.DatePickerElement(action_id="d", initial_date="2026-05-04"),
                sdk.OverflowMenuElement(
                    action_id="o", options=[sdk.Option(value="a", text="b"), sdk.Option(value="c", text="d")]
                ),
            ]
        ),
        sdk.InputBlock(label="l", element=sdk.PlainTextInputElement(action_id="i", multiline=True, max_length=9)),
        sdk.RichTextBlock(elements=[sdk.RichTextSectionElement(elements=[sdk.RichTextElementParts.Text(text="x")])]),
        sdk.TableBlock(rows=[[{"type": "raw_text", "text": "x"}]], column_settings=[{"is_wrapped": True}]),
        sdk.CardBlock(title="t", body="b", actions=[sdk.ButtonElement(text="Go", action_id="g")]),
        sdk.DividerBlock(),
    ]
    assert check_blocks([block.to_dict() for block in built], MESSAGE) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "element", "accessory", "rows", "options"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
typed = st.builds(
    lambda kind, rest: rest | {"type": kind},
    st.sampled_from(sorted(BLOCKS)),
    st.dictionaries(st.text(max_size=4), json_values),
)


@given(st.lists(typed | json_values, max_size=4), st.sampled_from([MESSAGE, MODAL, HOME]))
def test_whatever_is_sent_is_judged_and_what_passes_can_be_shown(blocks: list[Any], surface: str) -> None:
    if check_blocks(blocks, surface) == []:
        named = with_ids(blocks)
        assert all(place.key for place in places(named))
        assert isinstance(state_values(named, {}), dict)
