"""What is found at the public address: this program, another one, nobody, or something that nobody should trust."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot import reachability
from bot.reports import Level

GREEN, YELLOW, RED = Level.GREEN, Level.YELLOW, Level.RED
ALIVE = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"status":"alive"}'


@asynccontextmanager
async def door(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A port of our own that answers these bytes to whatever comes, and what came."""
    heard: list[bytes] = []
    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            heard.append(await reader.read(10_000))
            writer.write(answer)
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], heard
        await asyncio.gather(*filter(None, serving))


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A server's own certificate for this address, signed by nobody else; it is in `folder` to be trusted."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "cert.pem"))


async def test_the_bot_itself_is_found_behind_tls_and_told_no_secret(tmp_path: Path) -> None:
    async with door(ALIVE, certificate(tmp_path, "127.0.0.1")) as (port, heard):
        found = await reachability.look(f"https://127.0.0.1:{port}", running=True, tls=trusting(tmp_path))
    assert (found.level, found.words) == (GREEN, "it answers there")
    [request] = heard
    assert request.startswith(b"GET /healthz HTTP/1.1\r\n")
    names = {line.partition(b":")[0].lower() for line in request.split(b"\r\n")[1:] if line}
    assert names <= {b"host", b"accept", b"accept-encoding", b"connection", b"user-agent"}


@pytest.mark.parametrize(("trusted", "name"), [(False, "127.0.0.1"), (True, "127.0.0.9")])
async def test_a_certificate_that_browsers_would_not_take_is_wrong(tmp_path: Path, trusted: bool, name: str) -> None:
    async with door(ALIVE, certificate(tmp_path, name)) as (port, heard):
        tls = trusting(tmp_path) if trusted else None
        found = await reachability.look(f"https://127.0.0.1:{port}", running=True, tls=tls)
    assert found.level is RED
    assert "certificate" in found.words
    assert heard == []


async def test_where_no_tls_is_spoken_nobody_is_reached() -> None:
    async with door(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (port, _):
        found = await reachability.look(f"https://127.0.0.1:{port}", running=True)
    assert (found.level, found.words) == (RED, "what answers there speaks no TLS")


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", RED, "another program"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5_000_000, RED, "another program"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", RED, "another program"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", RED, "does not reach it"),
        (b"\x00\x01\r\n\r\n", YELLOW, "from here"),
    ],
)
async def test_what_else_may_answer(answer: bytes, level: Level, words: str) -> None:
    async with door(answer) as (port, _):
        found = await reachability.look(f"http://127.0.0.1:{port}", running=True)
    assert found.level is level
    assert words in found.words
    assert found.remedy


async def test_a_proxy_whose_bot_has_not_begun_is_no_fault_yet() -> None:
    async with door(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n") as (port, _):
        assert (await reachability.look(f"http://127.0.0.1:{port}", running=False)).level is YELLOW


async def test_where_it_leads_elsewhere_is_not_followed() -> None:
    async with door(ALIVE) as (other, heard):
        leads = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other}/healthz\r\nContent-Length: 0\r\n\r\n"
        async with door(leads.encode()) as (port, _):
            found = await reachability.look(f"http://127.0.0.1:{port}", running=True)
    assert (found.level, heard) == (RED, [])
    assert "leads elsewhere" in found.words


async def refuses(monkeypatch: pytest.MonkeyPatch) -> str:
    async with door(ALIVE) as (port, _):
        pass
    return f"http://127.0.0.1:{port}"


async def is_unknown(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(socket.EAI_NONAME))
    return "https://bot.example.com"


async def is_not_told(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(socket.EAI_AGAIN))
    return "https://bot.example.com"


def resolving_to(error: int) -> Callable[..., None]:
    def resolve(*asked: object, **more: object) -> None:
        raise socket.gaierror(error, "as DNS says")

    return resolve


@pytest.mark.parametrize(
    ("befalls", "level", "words"),
    [(refuses, YELLOW, "from here"), (is_unknown, RED, "no such name"), (is_not_told, YELLOW, "from here")],
)
async def test_who_is_not_reached(
    monkeypatch: pytest.MonkeyPatch, befalls: Callable[[pytest.MonkeyPatch], Awaitable[str]], level: Level, words: str
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    found = await reachability.look(await befalls(monkeypatch), running=True)
    assert found.level is level
    assert words in found.words


async def test_who_answers_nothing_is_waited_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = await reachability.look(f"http://127.0.0.1:{silent.getsockname()[1]}", running=True)
    assert found.level is YELLOW
