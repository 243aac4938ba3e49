"""SIPp, which shares no code with us, as a client: OPTIONS pings and calls, with and without loss."""

import random
import re
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.flow import Transport
from sip2xmpp.sip.transport import Transports
from tests.peers.ports import free_port

reactor: Any = _reactor

HEADERS = """\
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: sipp <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
      Call-ID: [call_id]
      Contact: sip:sipp@[local_ip]:[local_port]
      Max-Forwards: 70
      Content-Length: 0
"""
OPTIONS = f"""<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="options">
  <send retrans="500"><![CDATA[
      OPTIONS sip:ping@[remote_ip]:[remote_port] SIP/2.0
      To: <sip:ping@[remote_ip]:[remote_port]>
      CSeq: 1 OPTIONS
{HEADERS}
  ]]></send>
  <recv response="200"><action>
    <ereg regexp="OPTIONS" search_in="hdr" header="Allow:" check_it="true" assign_to="1"/>
    <ereg regexp="tag=" search_in="hdr" header="To:" check_it="true" assign_to="1"/>
  </action></recv>
  <Reference variables="1"/>
</scenario>
"""
INVITE = f"""<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="invite">
  <send retrans="500"><![CDATA[
      INVITE sip:call@[remote_ip]:[remote_port] SIP/2.0
      To: <sip:call@[remote_ip]:[remote_port]>
      CSeq: 1 INVITE
{HEADERS}
  ]]></send>
  <recv response="405"></recv>
  <send><![CDATA[
      ACK sip:call@[remote_ip]:[remote_port] SIP/2.0
      To: <sip:call@[remote_ip]:[remote_port]>[peer_tag_param]
      CSeq: 1 ACK
{HEADERS.replace("[branch]", "[branch-2]")}
  ]]></send>
</scenario>
"""


class SippTest(TestCase):
    async def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.transports = Transports(reactor)
        self.agent = UserAgent(transports=self.transports, clock=reactor, rng=random.Random())
        self.place = self.transports.listen(Transport.UDP, "127.0.0.1", free_port())
        self.transports.listen(Transport.TCP, "127.0.0.1", self.place.port)

    async def tearDown(self) -> None:
        self.agent.stop()
        await self.transports.close()

    async def sipp(self, scenario: str, calls: int, *options: str) -> str:
        """What SIPp says after ``calls`` calls, all of which must succeed."""
        file = self.directory / "scenario.xml"
        file.write_text("\n".join(line.strip() for line in scenario.splitlines()))
        out, err, code = await getProcessOutputAndValue(
            "/usr/bin/sipp",
            [
                "-sf", str(file), "-i", "127.0.0.1", "-p", str(free_port()), "-m", str(calls), "-r", "500", "-l", "500",
                "-nostdin", "-timeout", "60s", "-timeout_error", *options, str(self.place),
            ],
            env={"TERM": "dumb", "PATH": "/usr/bin:/bin"},
            path=str(self.directory),
        )  # fmt: skip
        text = (out + err).decode(errors="replace")
        assert code == 0, text[-3000:]
        done = re.findall(r"Successful call *\| *\d+ *\| *(\d+)", text)
        assert done and int(done[-1]) == calls, text[-3000:]
        return text

    async def test_pings_by_udp(self) -> None:
        await self.sipp(OPTIONS, 1000)
        assert self.agent.counters.sent == 1000

    async def test_pings_by_tcp_over_one_connection_and_over_many(self) -> None:
        await self.sipp(OPTIONS, 300, "-t", "t1")
        await self.sipp(OPTIONS, 50, "-t", "tn", "-max_socket", "1000")
        assert self.agent.counters.sent == 350

    async def test_pings_where_one_datagram_in_ten_is_lost(self) -> None:
        await self.sipp(OPTIONS, 100, "-lost", "10")
        assert self.agent.counters.absorbed > 0

    async def test_calls_are_refused_and_their_acks_absorbed(self) -> None:
        await self.sipp(INVITE, 300)
        assert self.agent.counters.sent == 300 and self.agent.counters.malformed == 0
