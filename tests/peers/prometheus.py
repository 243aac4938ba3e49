"""Prometheus, as Debian has it: it reads one target every second and keeps what it read for the test."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import Peer


class Prometheus(Peer):
    """Scrapes ``target`` (host and port), with the rules of a file."""

    name = "prometheus"

    def __init__(self, directory: Path, target: tuple[str, int], rules: Path) -> None:
        super().__init__(directory)
        self._target = target
        self._rules = rules
        self._port = free_port()

    def prepare(self) -> None:
        host, port = self._target
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(self._rules)],
            "scrape_configs": [{"job_name": "sip2xmpp", "static_configs": [{"targets": [f"{host}:{port}"]}]}],
        }
        # whatever is JSON is YAML as well
        (self.directory / "prometheus.yml").write_text(json.dumps(configuration), "utf-8")

    def command(self) -> list[str]:
        return [
            "prometheus",
            f"--config.file={self.directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self._port}",
            "--log.level=warn",
        ]

    def environment(self) -> dict[str, str]:
        return {"GOMAXPROCS": "1", "HOME": os.fspath(self.directory)}

    def is_up(self) -> bool:
        return bool(self._asked("/-/ready"))

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The vector that an expression gives now; AssertionError if it makes no sense."""
        answer = json.loads(self._asked("/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with its health."""
        groups = json.loads(self._asked("/api/v1/rules"))["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def _asked(self, path: str) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://{LOOPBACK}:{self._port}{path}", timeout=5) as answer:
                octets: bytes = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                # not ready, or what is wrong with a query
                return error.read() if error.code != 503 else b""
        return octets
