"""Who is in the demo: a team in Slack, growers at Leaf, their FieldView accounts."""

from __future__ import annotations

from dataclasses import dataclass

from bot.sandbox.world import World


@dataclass(frozen=True)
class Cast:
    """Slack ids of the people and channels that matter."""

    agent: str
    lead: str
    grower: str
    team_channel: str
    alert_channel: str


CONNECTED = (
    ("Sato Family Orchards", "hana.sato@example.com", "Hana", "Sato", 3, 41),
    ("Müller Agrar", "jonas@mueller-agrar.example", "Jonas", "Müller", 1, 128),
    ("O'Brien & Daughters", "siobhan@obrien.example", "Siobhán", "O'Brien", 2, 36),
    ("Fazenda Boa Vista", "lucia@boavista.example", "Lúcia", "Prado", 5, 212),
    ("Prairie Wind Co-op", "office@prairiewind.example", "Dale", "Whitehorse", 7, 340),
)

NOT_CONNECTED = (
    ("Ada Lovelace Farms", "ada@example.com", "Ada", "Lovelace", "L-1815"),
    ("Hopper Grain", "grace.hopper@hoppergrain.example", "Mary", "Hopper", "L-1906"),
    ("Hopper Grain", "north@hoppergrain.example", "Vincent", "Hopper", "L-1907"),
)


async def populate(world: World) -> Cast:
    """Fill the empty world."""
    slack = world.slack
    agent = slack.add_user("grace", "Grace Okafor", "grace@greenacres.example", title="Customer success")
    lead = slack.add_user("linus", "Linus Berg", "linus@greenacres.example", admin=True, title="Team lead")
    grower = slack.add_user("ada", "Ada Lovelace", "ada@example.com", title="Grower, guest here", guest="single")
    slack.add_channel("general", [agent, lead])
    team_channel = slack.add_channel("growers", [agent, lead])
    alert_channel = slack.add_channel("fieldview-alerts", [agent, lead])
    for name, email, first, last, farms, fields in CONNECTED:
        world.leaf.add_user(name=name, email=email)
        world.leaf.connect(email)
        await world.leaf.sync(email, farms=farms, fields=fields)
        world.fieldview.add_account(email, first, last)
    for name, email, first, last, external_id in NOT_CONNECTED:
        world.leaf.add_user(name=name, email=email, external_id=external_id)
        world.fieldview.add_account(email, first, last)
    return Cast(agent, lead, grower, team_channel, alert_channel)
