"""What runs on a machine of a Ray cluster: one run, in a Node process. It is sent there as it is, so that the machine needs no copy of it."""

import collections
import json
import os
import queue
import shutil
import socket
import subprocess
import tempfile
import threading

import ray

TICK_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
LOG_LINES = 200


def work(job, settings, files):
    """Does a job and yields its events. `files`: what lies in its folder, where that is on another machine; else None."""
    host = socket.gethostname()
    yield {"event": "started", "node": ray.get_runtime_context().get_node_id(), "where": f"{host}, process {os.getpid()}"}
    project = os.environ.get("STUDY_PROJECT", settings["project"])
    script = os.path.join(project, settings["worker"])
    node = settings["node"] if os.path.exists(settings["node"]) else shutil.which("node")
    if node is None or not os.path.exists(script):
        missing = "Node" if node is None else script
        where = "in the same folder on every machine of the cluster, or where the machine's variable STUDY_PROJECT says"
        yield {"event": "failed", "log": "", "message": f"{host} has no {missing}: the project has to be set up {where}"}
        return
    folder = CarriedFolder(files) if files is not None else None
    if folder is not None:
        job = {**job, "directory": folder.path, "temporary": True}
    process = subprocess.Popen(
        [node, "--import", "tsx", script],
        cwd=project,
        env={**os.environ, **settings["variables"], "TSX_TSCONFIG_PATH": os.path.join(project, "tsconfig.json")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        yield from follow(process, folder, host)
    finally:
        end(process)
        if folder is not None:
            folder.remove()


def follow(process, folder, host):
    """Yields what the process says, and its end."""
    log = collections.deque(maxlen=LOG_LINES)
    last = None
    for name, line in lines_of(process):
        if name == "stdout" and line.startswith("\x1e"):
            event = json.loads(line[1:])
            if event["event"] == "progress":
                yield event
            else:
                last = event
        elif name is not None:
            log.append(line[:2000])
        else:
            # A task can be cancelled while it yields, and at no other time.
            yield {"event": "alive"}
        if folder is not None and last is None and (name is None or '"epoch"' in line):
            yield from folder.changes()
    code = process.wait()
    tail = "\n".join(log)
    if last is not None:
        if folder is not None:
            yield from folder.changes()
        yield {**last, "log": tail}
    elif code < 0:
        yield {"event": "lost", "message": f"its process on {host} was ended by signal {-code}", "log": tail}
    else:
        message = f"its process on {host} ended with exit code {code} and without a result"
        yield {"event": "failed", "message": message, "log": tail}


def lines_of(process):
    """The process's lines with the stream's name, and every second without one (None, "")."""
    lines = queue.Queue()

    def read(stream, name):
        for line in stream:
            lines.put((name, line.rstrip("\n")))
        lines.put((name, None))

    for name in ("stdout", "stderr"):
        threading.Thread(target=read, args=(getattr(process, name), name), daemon=True).start()
    streams = 2
    while streams > 0:
        try:
            name, line = lines.get(timeout=TICK_SECONDS)
        except queue.Empty:
            name, line = None, ""
        if line is None:
            streams -= 1
        else:
            yield name, line


def end(process):
    """Softly, if it has not ended: it keeps what it has reached."""
    try:
        process.stdin.write("stop\n")
        process.stdin.flush()
        process.wait(PATIENCE_SECONDS)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        pass
    process.kill()
    process.wait()


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # One that has ended stays in the list until its parent has asked for it. Its name may hold any character.
            if file.read().rpartition(")")[2].split()[0] in ("Z", "X"):
                return False
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


class CarriedFolder:
    """A run's folder on a machine that does not see the store."""

    PREFIX = "study-run-"

    def __init__(self, files):
        self.remove_abandoned()
        self.path = tempfile.mkdtemp(prefix=f"{self.PREFIX}{os.getpid()}-")
        for name, content in files.items():
            path = os.path.join(self.path, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        self.sent = self.listing()

    def remove_abandoned(self):
        """Where Ray ends a task at once, nobody is left to remove its folder."""
        base = tempfile.gettempdir()
        for name in os.listdir(base):
            owner = name.removeprefix(self.PREFIX).split("-")[0]
            if name.startswith(self.PREFIX) and owner.isdigit() and not is_running(int(owner)):
                shutil.rmtree(os.path.join(base, name), ignore_errors=True)

    def listing(self):
        """Path by size and time; files that are being written do not count."""
        found = {}
        for folder, _, names in os.walk(self.path):
            for name in names:
                if name.startswith(".") and name.endswith(".tmp"):
                    continue
                path = os.path.join(folder, name)
                status = os.stat(path)
                found[os.path.relpath(path, self.path)] = (status.st_size, status.st_mtime_ns, status.st_ino)
        return found

    def changes(self):
        """Yields all files, as they were at one moment, if any of them has changed."""
        content = {}
        try:
            before = self.listing()
            if before == self.sent:
                return
            for name in before:
                with open(os.path.join(self.path, name), "rb") as file:
                    content[name] = file.read()
            if self.listing() != before:
                return
        except FileNotFoundError:
            return  # replaced just now: the next look will see it
        self.sent = before
        yield {"event": "files", "files": content}

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)
        # Whoever was being ended as this task began has ended now.
        self.remove_abandoned()
