# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ready checks over loopback."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path

from sandbox.runner.components import LOOPBACK, Probe

TIMEOUT = 2.0


def check(probe: Probe, port: int, pki: Path) -> str:
    """Return '' when the process behind ``port`` is ready, else what is missing."""
    try:
        return ping(port) if probe.scheme == "redis" else get(probe, port, pki)
    except (OSError, http.client.HTTPException) as error:
        return f"{LOOPBACK}:{port}: {error}"


def get(probe: Probe, port: int, pki: Path) -> str:
    """Ask for ``probe.path``; kube-controller-manager and kube-scheduler serve certificates of their own making."""
    connection: http.client.HTTPConnection
    if probe.scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        connection = http.client.HTTPSConnection(LOOPBACK, port, timeout=TIMEOUT, context=context)
    else:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT)
    try:
        connection.request("GET", probe.path)
        answer = connection.getresponse()
        body = answer.read()
        return (
            "" if answer.status == 200 else f"GET {probe.path}: {answer.status} {body[:200].decode(errors='replace')}"
        )
    finally:
        connection.close()


def summary(body: bytes) -> str:
    """Return the failing checks of a health answer, else its first line."""
    lines = body.decode(errors="replace").splitlines()
    failing = [line.removeprefix("[-]") for line in lines if line.startswith("[-]")]
    return "; ".join(failing or lines[:1])[:200]


def ping(port: int) -> str:
    """Ask redis whether it is there."""
    with socket.create_connection((LOOPBACK, port), timeout=TIMEOUT) as connection:
        connection.sendall(b"PING\r\n")
        return "" if connection.recv(16).startswith(b"+PONG") else "no PONG"
