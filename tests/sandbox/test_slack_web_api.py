"""The Web API of the stand-in, driven by Slack's own client: posting, finding, and being refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.clock import Clock
from bot.sandbox.slack import Slack

from .slack_stage import APP_TOKEN, BOT_TOKEN, START, actions, button, error_of, new_slack, section, served


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def slack(clock: Clock) -> Slack:
    return new_slack(clock)


@pytest.fixture
async def client(slack: Slack) -> AsyncIterator[AsyncWebClient]:
    async with served(slack) as client:
        yield client


async def test_one_message_edited_three_times_keeps_its_history_with_times(
    slack: Slack, client: AsyncWebClient, clock: Clock
) -> None:
    alerts = slack.channel("alerts").id
    posted = await client.chat_postMessage(channel=alerts, text="Broken", unfurl_links=False)
    for number in range(3):
        clock.advance(timedelta(minutes=10))
        await client.chat_update(
            channel=alerts, ts=posted["ts"], text=f"Still broken {number}", blocks=[section("*Bad*")]
        )
    (message,) = slack.posted("alerts")
    assert message.edits == 3
    assert [version.text for version in message.versions] == [
        "Broken",
        *(f"Still broken {number}" for number in range(3)),
    ]
    assert message.versions[-1].at - message.versions[0].at == timedelta(minutes=30)
    assert message.sent["unfurl_links"] is False


async def test_an_update_with_text_alone_takes_the_blocks_away(slack: Slack, client: AsyncWebClient) -> None:
    alerts = slack.channel("alerts").id
    posted = await client.chat_postMessage(channel=alerts, text="Broken", blocks=[section("*Broken*")])
    changed = await client.chat_update(channel=alerts, ts=posted["ts"], text="Repaired")
    assert slack.posted("alerts")[0].blocks == []
    assert "edited" in changed["message"]
    restored = await client.chat_update(channel=alerts, ts=posted["ts"], text="Broken", blocks=[section("*Broken*")])
    assert "edited" not in restored["message"]


async def test_a_message_to_a_person_opens_the_direct_messages_and_is_edited_by_their_id_only(
    slack: Slack, client: AsyncWebClient
) -> None:
    ben = slack.user("ben").id
    posted = await client.chat_postMessage(channel=ben, text="Hello Ben")
    opened = await client.conversations_open(users=ben)
    assert posted["channel"] == opened["channel"]["id"] == slack.dm("ben")
    assert await error_of(client.chat_update(channel=ben, ts=posted["ts"], text="Hi")) == "channel_not_found"
    await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="Hi")
    assert [message.text for message in slack.posted(ben)] == ["Hi"]


async def test_slack_says_why_the_app_cannot_post(slack: Slack, client: AsyncWebClient) -> None:
    slack.add_channel("gone", archived=True)
    slack.add_channel("secret", members=["ada"], private=True, with_bot=False)
    slack.scopes.discard("chat:write.public")

    async def refusal(channel: str, text: str = "hi") -> str:
        return await error_of(client.api_call("chat.postMessage", json={"channel": channel, "text": text}))

    assert await refusal("C0NOWHERE00") == "channel_not_found"
    assert await refusal(slack.channel("secret").id) == "channel_not_found"
    assert await refusal(slack.channel("random").id) == "not_in_channel"
    assert await refusal(slack.channel("gone").id) == "is_archived"
    assert await refusal(slack.bot.id) == "cannot_dm_bot"
    assert await refusal("alerts", "") == "no_text"
    assert await refusal("alerts", "x" * 40_001) == "msg_too_long"
    slack.messages_tab_enabled = False
    assert await refusal(slack.user("ada").id) == "messages_tab_disabled"


async def test_with_the_public_scope_the_app_posts_where_it_is_no_member(slack: Slack, client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel="#random", text="Hello")
    assert len(slack.posted("random")) == 1


async def test_a_message_someone_deleted_can_no_longer_be_edited(slack: Slack, client: AsyncWebClient) -> None:
    alerts = slack.channel("alerts").id
    posted = await client.chat_postMessage(channel=alerts, text="Broken")
    theirs = await slack.say("ada", "alerts", "Looking into it")
    assert await error_of(client.chat_update(channel=alerts, ts=theirs.ts, text="No")) == "cant_update_message"
    assert await error_of(client.chat_delete(channel=alerts, ts=theirs.ts)) == "cant_delete_message"
    slack.delete_message(slack.posted("alerts")[0])
    assert await error_of(client.chat_update(channel=alerts, ts=posted["ts"], text="Repaired")) == "message_not_found"
    assert slack.posted("alerts") == []
    assert len(slack.posted("alerts", deleted=True)) == 1


async def test_a_message_in_an_archived_channel_is_frozen(slack: Slack, client: AsyncWebClient) -> None:
    alerts = slack.channel("alerts").id
    posted = await client.chat_postMessage(channel=alerts, text="Broken")
    slack.archive("alerts")
    assert await error_of(client.chat_update(channel=alerts, ts=posted["ts"], text="x")) == "is_inactive"
    slack.unarchive("alerts")
    await client.chat_update(channel=alerts, ts=posted["ts"], text="Repaired")


async def test_after_a_kick_the_channel_lists_the_app_no_more(slack: Slack, client: AsyncWebClient) -> None:
    slack.kick("alerts")
    alerts = slack.channel("alerts").id
    assert (await client.conversations_info(channel=alerts))["channel"]["is_member"] is False
    assert await error_of(client.conversations_history(channel=alerts)) == "not_in_channel"
    await client.conversations_join(channel=alerts)
    assert (await client.conversations_history(channel=alerts))["messages"] == []


async def test_history_is_newest_first_with_metadata_on_request_and_without_whispers(
    slack: Slack, client: AsyncWebClient
) -> None:
    alerts, ada = slack.channel("alerts").id, slack.user("ada").id
    metadata = {"event_type": "incident", "event_payload": {"id": "17"}}
    first = await client.chat_postMessage(channel=alerts, text="one", metadata=metadata)
    await client.chat_postEphemeral(channel=alerts, user=ada, text="psst")
    await client.chat_postMessage(channel=alerts, text="two")
    await client.chat_postMessage(channel=alerts, text="reply", thread_ts=first["ts"])
    page = await client.conversations_history(channel=alerts, limit=1, include_all_metadata=True)
    rest = await client.conversations_history(
        channel=alerts, cursor=page["response_metadata"]["next_cursor"], include_all_metadata=True
    )
    assert [message["text"] for message in [*page["messages"], *rest["messages"]]] == ["two", "one"]
    assert rest["messages"][0]["metadata"] == metadata
    assert rest["messages"][0]["reply_count"] == 1
    plain = await client.conversations_history(channel=alerts)
    assert "metadata" not in plain["messages"][1]
    thread = await client.conversations_replies(channel=alerts, ts=first["ts"])
    assert [message["text"] for message in thread["messages"]] == ["one", "reply"]


async def test_people_are_found_by_id_and_address_and_the_left_are_not(slack: Slack, client: AsyncWebClient) -> None:
    ben = slack.user("ben").id
    slack.add_user("gus", guest="single")
    assert (await client.users_lookupByEmail(email="BEN@greenacres.example"))["user"]["id"] == ben
    assert (await client.users_info(user=ben))["user"]["profile"]["email"] == "ben@greenacres.example"
    listed = (await client.users_list())["members"]
    assert {user["name"]: user["is_ultra_restricted"] for user in listed}["gus"] is True
    slack.deactivate("ben")
    assert await error_of(client.users_lookupByEmail(email="ben@greenacres.example")) == "users_not_found"
    assert (await client.users_info(user=ben))["user"]["deleted"] is True
    assert await error_of(client.users_info(user="U0NOBODY000")) == "user_not_found"
    assert await error_of(client.conversations_open(users=ben)) == "user_disabled"
    assert await error_of(client.conversations_open(users=slack.bot.id)) == "cannot_dm_bot"


async def test_lists_are_paged_by_cursor(slack: Slack, client: AsyncWebClient) -> None:
    for number in range(5):
        slack.add_user(f"person{number}")
    names = []
    async for page in await client.users_list(limit=3):
        names += [user["name"] for user in page["members"]]
    assert names == ["fieldview", "ada", "ben", *(f"person{number}" for number in range(5))]
    assert await error_of(client.users_list(cursor="nonsense")) == "invalid_cursor"


async def test_conversations_are_listed_by_kind_and_only_those_the_app_may_know(
    slack: Slack, client: AsyncWebClient
) -> None:
    slack.add_channel("secret", private=True)
    slack.add_channel("hidden", private=True, with_bot=False)
    slack.add_channel("gone", archived=True)
    listed = await client.conversations_list(types="public_channel,private_channel", exclude_archived=True)
    assert [channel["name"] for channel in listed["channels"]] == ["alerts", "random", "secret"]
    slack.scopes.discard("groups:read")
    assert await error_of(client.conversations_list(types="private_channel")) == "missing_scope"
    own = await client.users_conversations(types="public_channel")
    assert [channel["name"] for channel in own["channels"]] == ["alerts", "gone"]
    members = await client.conversations_members(channel=slack.channel("alerts").id)
    assert members["members"] == [slack.user("ada").id, slack.user("ben").id, slack.bot.id]


async def test_user_groups_tell_who_belongs_to_them(slack: Slack, client: AsyncWebClient) -> None:
    group = slack.add_usergroup("agronomists", ["ada"])
    assert (await client.usergroups_users_list(usergroup=group))["users"] == [slack.user("ada").id]
    (listed,) = (await client.usergroups_list(include_users=True))["usergroups"]
    assert listed["users"] == [slack.user("ada").id]
    assert await error_of(client.usergroups_users_list(usergroup="S0NONE")) == "no_such_subteam"


async def test_a_missing_scope_is_named_and_the_granted_ones_stand_in_every_header(
    slack: Slack, client: AsyncWebClient
) -> None:
    slack.scopes = {"chat:write", "users:read"}
    with pytest.raises(SlackApiError) as refused:
        await client.users_lookupByEmail(email="ben@greenacres.example")
    answer = refused.value.response
    assert (answer["error"], answer["needed"], answer["provided"]) == (
        "missing_scope",
        "users:read.email",
        "chat:write,users:read",
    )
    assert answer.headers["x-oauth-scopes"] == "chat:write,users:read"
    assert (await client.auth_test()).headers["x-oauth-scopes"] == "chat:write,users:read"
    assert "email" not in (await client.users_info(user=slack.user("ben").id))["user"]["profile"]
    assert await error_of(client.conversations_info(channel=slack.channel("alerts").id)) == "missing_scope"


async def test_tokens_are_checked_and_each_kind_has_its_methods(slack: Slack, client: AsyncWebClient) -> None:
    assert (await client.auth_test())["user_id"] == slack.bot.id
    assert await error_of(AsyncWebClient("xoxb-other", base_url=slack.api_url).auth_test()) == "invalid_auth"
    assert await error_of(AsyncWebClient("", base_url=slack.api_url).auth_test()) == "not_authed"
    assert await error_of(client.apps_connections_open(app_token=BOT_TOKEN)) == "not_allowed_token_type"
    assert await error_of(AsyncWebClient(APP_TOKEN, base_url=slack.api_url).auth_test()) == "not_allowed_token_type"


async def test_a_revoked_token_is_told_to_every_call(slack: Slack, client: AsyncWebClient) -> None:
    slack.token_error = "token_revoked"
    assert await error_of(client.chat_postMessage(channel="alerts", text="x")) == "token_revoked"


async def test_a_method_nobody_knows_is_unknown(slack: Slack, client: AsyncWebClient) -> None:
    assert await error_of(client.api_call("chat.shout")) == "unknown_method"


async def test_form_and_json_bodies_are_understood_alike(slack: Slack, client: AsyncWebClient) -> None:
    fields = {
        "channel": slack.channel("alerts").id,
        "text": "by form",
        "blocks": '[{"type": "divider"}]',
        "token": BOT_TOKEN,
    }
    async with httpx.AsyncClient(base_url=slack.api_url) as http:
        answer = await http.post("chat.postMessage", data=fields)
    assert answer.json()["ok"] is True
    assert slack.posted("alerts")[0].blocks[0]["type"] == "divider"


async def test_a_rate_limit_is_a_429_that_the_sdk_waits_out(slack: Slack, client: AsyncWebClient) -> None:
    slack.rate_limit("chat.postMessage", retry_after=7, times=1)
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="alerts", text="one")
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["Retry-After"] == "7"
    slack.rate_limit("chat.postMessage", retry_after=0, times=2)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=3))
    await client.chat_postMessage(channel="alerts", text="two")
    assert [request.error for request in slack.requests] == ["ratelimited"] * 3 + [None]


async def test_more_than_a_message_a_second_is_too_fast_for_one_channel_and_not_for_two(clock: Clock) -> None:
    now = [0.0]
    slack = new_slack(clock, ticks=lambda: now[0])
    slack.enforces_pace = True
    slack.pace.burst = 2
    async with served(slack) as client:
        for channel in ("alerts", "alerts", "random", "random"):
            await client.chat_postMessage(channel=channel, text="hi")
        assert await error_of(client.chat_postMessage(channel="alerts", text="hi")) == "ratelimited"
        now[0] += 1.0
        await client.chat_postMessage(channel="alerts", text="hi")
    assert slack.most_within(1.0, channel="alerts") == 3
    assert slack.calls("chat.postMessage", "alerts") == 3


async def test_faults_in_front_of_slack_look_like_a_bad_day(slack: Slack, client: AsyncWebClient) -> None:
    slack.faults.outage("chat.postMessage", times=1)
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel="alerts", text="one")
    slack.faults.lose_answer("chat.postMessage", times=1)
    with pytest.raises(Exception, match="disconnect"):
        await AsyncWebClient(BOT_TOKEN, base_url=slack.api_url, retry_handlers=[]).chat_postMessage(
            channel="alerts", text="two"
        )
    assert [message.text for message in slack.posted("alerts")] == ["two"]


async def test_metadata_must_have_a_type_and_a_payload(slack: Slack, client: AsyncWebClient) -> None:
    call = client.chat_postMessage(channel="alerts", text="x", metadata={"event_type": "incident"})
    assert await error_of(call) == "invalid_metadata_format"


async def test_invalid_blocks_are_refused_with_slacks_own_words(slack: Slack, client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="alerts", text="x", blocks=[section("y" * 3001)])
    assert refused.value.response["error"] == "invalid_blocks"
    assert refused.value.response["response_metadata"]["messages"] == [
        "[ERROR] failed to match all allowed schemas [json-pointer:/blocks/0/text]",
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ]
    assert slack.posted("alerts") == []


async def test_ephemeral_messages_need_a_member_and_cannot_be_edited_or_linked(
    slack: Slack, client: AsyncWebClient
) -> None:
    alerts, ada = slack.channel("alerts").id, slack.user("ada").id
    outsider = slack.add_user("out")
    assert await error_of(client.chat_postEphemeral(channel=alerts, user=outsider, text="x")) == "user_not_in_channel"
    sent = await client.chat_postEphemeral(channel=alerts, user=ada, text="x", blocks=[actions(button("a"))])
    assert await error_of(client.chat_update(channel=alerts, ts=sent["message_ts"], text="y")) == "message_not_found"
    link = client.chat_getPermalink(channel=alerts, message_ts=sent["message_ts"])
    assert await error_of(link) == "message_not_found"


async def test_a_permalink_and_a_thread_lead_to_the_message(slack: Slack, client: AsyncWebClient) -> None:
    alerts = slack.channel("alerts").id
    posted = await client.chat_postMessage(channel=alerts, text="Broken")
    link = await client.chat_getPermalink(channel=alerts, message_ts=posted["ts"])
    assert link["permalink"].endswith(f"/archives/{alerts}/p{posted['ts'].replace('.', '')}")
    await client.chat_delete(channel=alerts, ts=posted["ts"])
    reply = await client.chat_postMessage(channel=alerts, text="Late", thread_ts=posted["ts"])
    assert "thread_ts" not in reply["message"], "below a message that is gone it stands in the channel"
    assert [message.text for message in slack.posted(alerts)] == ["Late"]


async def test_a_file_goes_up_in_three_steps(slack: Slack, client: AsyncWebClient) -> None:
    alerts = slack.channel("alerts").id
    await client.files_upload_v2(
        channel=alerts, content="seq,who\n1,ada\n", filename="audit.csv", initial_comment="Audit"
    )
    (message,) = slack.posted("alerts")
    assert (message.text, message.files[0]["name"]) == ("Audit", "audit.csv")
    assert slack.file("ben", message.files[0]["id"]).content == b"seq,who\n1,ada\n"


async def test_a_file_is_shared_in_conversations_only_and_seen_by_those_who_are_there(
    slack: Slack, client: AsyncWebClient
) -> None:
    by_person = client.files_upload_v2(channel=slack.user("ada").id, content="x", filename="x.csv")
    assert await error_of(by_person) == "invalid_arguments"
    await client.files_upload_v2(channel=slack.dm("ada"), content="x", filename="x.csv")
    [message] = slack.posted(slack.dm("ada"))
    assert slack.file("ada", message.files[0]["id"]).content == b"x"
    with pytest.raises(LookupError):
        slack.file("ben", message.files[0]["id"])


async def test_a_file_is_fetched_with_a_token_that_may_read_files(slack: Slack, client: AsyncWebClient) -> None:
    chosen = slack.add_file("ada", "growers.csv", b"name\nBen\n")
    told = (await client.files_info(file=chosen))["file"]
    assert (told["name"], told["size"], told["user"]) == ("growers.csv", 9, slack.user("ada").id)
    address = told["url_private_download"]
    async with httpx.AsyncClient() as http:
        with_token = {"Authorization": f"Bearer {BOT_TOKEN}"}
        assert (await http.get(address, headers=with_token)).content == b"name\nBen\n"
        assert (await http.get(address)).status_code == 302, "to a page where people sign in"
        slack.scopes.remove("files:read")
        assert (await http.get(address, headers=with_token)).status_code == 302
    assert await error_of(client.files_info(file=chosen)) == "missing_scope"


async def test_until_is_woken_by_a_change_and_gives_up_in_the_end(slack: Slack, client: AsyncWebClient) -> None:
    waiting = asyncio.create_task(slack.until(lambda: slack.posted("alerts")))
    await client.chat_postMessage(channel="alerts", text="Now")
    assert (await waiting)[0].text == "Now"
    with pytest.raises(TimeoutError):
        await slack.until(lambda: slack.posted("random"), timeout=0.01)


async def test_a_deactivated_person_is_written_to_without_any_error(slack: Slack, client: AsyncWebClient) -> None:
    ben = slack.user("ben").id
    slack.deactivate(ben)
    await client.chat_postMessage(channel=ben, text="Hello?")
    assert len(slack.posted(ben)) == 1
