"""The gateway under twistd's own options: in the background, with a log file."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.waiting import eventually


def test_in_the_background_it_logs_to_the_file_that_twistd_was_told(tmp_path: Path) -> None:
    port = free_port()
    config, log, pid_file = tmp_path / "gateway.toml", tmp_path / "gateway.log", tmp_path / "gateway.pid"
    config.write_text(
        f'[gateway]\nstate = "sqlite:state.db"\n[sip]\ndomains = ["sip.example.org"]\nlisten = ["udp:{LOOPBACK}:{port}"]\n'
    )
    twistd = Path(sys.executable).with_name("twistd")
    subprocess.run(
        [twistd, f"--logfile={log}", f"--pidfile={pid_file}", "sip2xmpp", "--config", config],
        check=True,
        cwd=tmp_path,
    )
    try:
        eventually(lambda: log.exists() and "is serving" in log.read_text(), "the gateway serves")
    finally:
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
    eventually(lambda: "has stopped" in log.read_text(), "the gateway has stopped")
    assert f"listening on udp:{LOOPBACK}:{port}" in log.read_text()
