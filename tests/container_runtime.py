"""A program in place of docker: writes down what it is told, and runs commands without any container."""

from __future__ import annotations

import sys
from pathlib import Path

#: like docker: knows its options, keeps a list of calls, and runs the command that follows the image
_RUNTIME = f"""\
#!{sys.executable}
import json, os, subprocess, sys
from pathlib import Path

here = Path(__file__).parent
words = sys.argv[1:]
entered = sys.stdin.read() if "--password-stdin" in words else ""
with (here / "calls").open("a") as calls:
    config = os.environ.get("DOCKER_CONFIG")
    calls.write(json.dumps({{"words": words, "entered": entered, "config": config}}) + "\\n")
if words[0] == "login":
    sys.exit(0 if entered == "right" else sys.exit("denied"))
if words[:2] == ["image", "inspect"]:
    sys.exit(0 if words[2] == "present" else 1)
if words[0] == "pull":
    sys.exit(0 if words[1] != "absent" else sys.exit("no such image"))
if words[0] == "rm":
    sys.exit(0)
environment, directory = {{}}, "/"
valued = {{"--name", "--cidfile", "--volume", "--env-file", "--env", "--workdir", "--memory"}}
at = 1
options = {{}}
while words[at].startswith("--"):
    if words[at] in valued:
        options.setdefault(words[at], []).append(words[at + 1])
        at += 1
    elif words[at] == "--refuse":
        sys.stderr.write("refused\\n")
        sys.exit(125)
    at += 1
for line in Path(options["--env-file"][0]).read_text().splitlines():
    name, _, value = line.partition("=")
    environment[name] = value
for pair in options.get("--env", []):
    name, _, value = pair.partition("=")
    environment[name] = value
Path(options["--cidfile"][0]).write_text("0123abcd")
command = words[at + 1:] or ["/bin/echo", "what the image says"]
directory = options.get("--workdir", ["/"])[0]
sys.exit(subprocess.call(command, env=environment, cwd=directory))
"""


def fake_runtime(folder: Path) -> Path:
    """
    Write the program into a new folder, where it keeps its list of ``calls``.

    The image ``present`` is there, ``absent`` cannot be pulled; the only password that it takes is ``right``.
    """
    folder.mkdir()
    program = folder / "docker"
    program.write_text(_RUNTIME)
    program.chmod(0o755)
    return program
