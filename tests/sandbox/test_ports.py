# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports are free, distinct, kept over restarts, and apart for two sandboxes."""

import socket

import pytest

from sandbox.runner import ports
from sandbox.runner.errors import SandboxError

NAMES = ("a", "b", "c")


def test_ports_are_distinct_free_and_below_the_range_of_outgoing_connections(tmp_path):
    chosen = ports.allocate(NAMES, tmp_path)
    assert len(set(chosen.values())) == 3
    assert all(ports.FIRST <= port < 32768 and ports.is_free(port) for port in chosen.values())


def test_known_ports_are_kept(tmp_path):
    chosen = ports.allocate(NAMES, tmp_path)
    assert ports.allocate(NAMES, tmp_path, chosen) == chosen


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_was_taken_meanwhile_is_replaced_and_the_others_stay(tmp_path, address):
    chosen = ports.allocate(NAMES, tmp_path)
    with socket.socket() as other:
        other.bind((address, chosen["b"]))
        other.listen()
        again = ports.allocate(NAMES, tmp_path, chosen)
    assert (again["a"], again["c"]) == (chosen["a"], chosen["c"])
    assert again["b"] not in chosen.values()


def test_two_state_directories_start_their_search_apart(tmp_path):
    first = ports.allocate(NAMES, tmp_path / "one")
    second = ports.allocate(NAMES, tmp_path / "two")
    assert not set(first.values()) & set(second.values())


def test_no_port_left_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "is_free", lambda _port: False)
    with pytest.raises(SandboxError, match="no free loopback port"):
        ports.allocate(NAMES, tmp_path)
