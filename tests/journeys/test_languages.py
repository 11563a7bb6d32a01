"""A grower reads every page of the way in one language, whichever it is."""

from __future__ import annotations

import httpx

from tests.stage import ADA, Stage


async def test_a_brazilian_who_chooses_french_stays_french_to_the_end(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.types("/fieldview connect Ada Lovelace Farms")
    link = await stage.link()
    async with httpx.AsyncClient(headers={"Accept-Language": "pt-BR,pt;q=0.9"}) as browser:
        first = await browser.get(link)
        french = await browser.get(link, params={"lang": "fr"})
        left = await browser.post(link)
        back = await browser.get(stage.world.fieldview.approve(left.headers["location"], ADA))
        end = await browser.get(str(httpx.URL(stage.url).join(back.headers["location"])))

    assert [page.text.partition('<html lang="')[2][:2] for page in (first, french, end)] == ["pt", "fr", "fr"]
    assert "Votre FieldView est connecté" in end.text


async def test_an_unknown_link_is_explained_in_the_readers_language(stage_on_sqlite: Stage) -> None:
    async with httpx.AsyncClient(headers={"Accept-Language": "es-419"}) as browser:
        page = await browser.get(f"{stage_on_sqlite.url}/connect/{'x' * 43}")

    assert page.status_code == 404
    assert "No reconocemos este enlace" in page.text
