"""temporary"""
from __future__ import annotations
import json
from dataclasses import dataclass
from typing import Any
from slack_sdk.models.blocks import *
from slack_sdk.models.blocks import Block, SectionBlock, ActionsBlock, ButtonElement, StaticSelectElement, Option, InputBlock, PlainTextInputElement
from slack_sdk.models.views import View

@dataclass(frozen=True)
class Message:
    text: str
    blocks: tuple[Block, ...]
    def payload(self) -> dict[str, Any]:
        return {"text": self.text, "blocks": [b.to_dict() for b in self.blocks], "unfurl_links": False, "unfurl_media": False}

def _m(text, *buttons):
    blocks=[SectionBlock(text=text[:2900])]
    if buttons: blocks.append(ActionsBlock(elements=[ButtonElement(text=l, action_id=a, value=v) for l,a,v in buttons]))
    return Message(text, tuple(blocks))
def help_text(commands, unknown=None, hint=None): return _m(f"help {hint} " + "\n".join(u+" "+h for u,h in commands))
def choose_grower(typed, matches, command, rest): return Message("Which", (SectionBlock(text="Which grower?", block_id=f"choose:{command}:{rest}", accessory=StaticSelectElement(action_id="choose-grower", placeholder="x", options=[Option(value=g.id, label=g.name[:70]) for g in matches])),))
def chosen_command(block):
    _, c, r = block.split(":",2); return c, r
def unknown_grower(typed, similar, command, *, may_create):
    return _m(f"I know no grower {typed}", *([("Create","create-grower",typed)] if may_create else []))
def create_grower_modal(typed, *, callback_id="create-grower", private_metadata=""):
    return View(type="modal", callback_id=callback_id, title="New", submit="Create", private_metadata=private_metadata, blocks=[InputBlock(label=n, block_id=n, optional=n=="external_id", element=PlainTextInputElement(action_id=n)) for n in ("name","email","external_id")])
def invitation(inv, now): return _m(f"sent to {inv.delivered_to}" if inv.delivered_to else f"Link to share: {inv.url} {inv.consent.code_word}")
def invitation_dm(inv, company, now): return Message("Connect", (SectionBlock(text=f"please connect {inv.consent.code_word}"), ActionsBlock(elements=[ButtonElement(text="Connect FieldView", url=inv.url, action_id="open-consent-link")])))
def invitation_dm_closed(c, now): return _m(f"consent {c.state}")
def already_connected(g, c, now): return _m("already", ("anyway","connect-anyway",g.id))
def overview(o, now): return _m("overview "+str({k.value:v for k,v in o.counts.items()}))
def connection_status(r, now): return _m(f"{r.grower.name} {r.connection.status if r.connection else None}", ("c","send-link",r.grower.id))
def timeline(t, now): return _m(f"timeline {len(t.facts)}")
def disconnect_question(g, c, now): return _m("sure?", ("yes","disconnect-confirm",g.id), ("no","disconnect-cancel",g.id))
def disconnected(g, now, *, had_credential): return _m(f"disconnected {had_credential}")
def disconnect_cancelled(g): return _m("cancelled")
def subscribed(c, *, newly, also_default): return _m("subscribed")
def unsubscribed(c, *, was): return _m("unsubscribed")
def subscription_greeting(by): return _m(f"subscribed by <@{by}>")
def history(entries, g, now): return _m("history "+str([e.action for e in entries]))
def incident(card, now): return _m(f"incident {card.grower.name} recovered={card.incident.recovered_at} {card.consent.state if card.consent else None}", ("Send reconnect link","send-link",card.grower.id))
def connected(consent, grower, connection, data, now): return _m(f"{grower.name} is connected")
def consent_outcome(consent, now): return _m(f"consent {consent.state} {consent.trouble}")
def operator_notice(n, now): return _m(n.text+" "+str(n.over_at))
def problem(e): return _m(str(e))
def crash(ref): return _m("crash "+ref)
def working(): return _m("On it")
def home(o, *, is_admin, now): return View(type="home", blocks=[SectionBlock(text="home")])
