"""The link between `npm run study` and a Ray cluster.

Reads commands from its standard input and writes events to its standard output, a line of JSON each, and ends with its input. It knows nothing
of studies: a run is a job for a worker process on whichever machine Ray chooses, and what that process says is passed on.

  {"connect": {"address", "cpus", "gpus", "project", "worker", "node", "variables", "transfer"}}   the first line
  {"start": KEY, "job": {…}}      "transfer": "object-store" carries the job's folder to the machine and back
  {"stop": KEY}                   softly
"""

import importlib.util
import json
import os
import re
import secrets
import shutil
import socket
import sys
import threading
import time
import traceback

DEAD_NODE_SECONDS = 1.0


class Output:
    """Events as lines of JSON, from several threads."""

    def __init__(self, stream):
        self.stream = stream
        self.lock = threading.Lock()

    def send(self, **event):
        with self.lock:
            try:
                self.stream.write(json.dumps(event) + "\n")
                self.stream.flush()
            except OSError:
                os._exit(1)  # nobody is left to listen


class Task:
    """One attempt at a run."""

    def __init__(self, key, job, generator):
        self.key = key
        self.job = job
        self.generator = generator
        self.node = None
        self.over = False
        self.lock = threading.Lock()


class Driver:
    def __init__(self, ray, settings, output):
        import ray_task

        # By value: the machines of the cluster need no copy of it.
        ray.cloudpickle.register_pickle_by_value(ray_task)
        self.ray = ray
        self.settings = settings
        self.output = output
        self.tasks = {}
        self.remote = ray.remote(
            num_cpus=settings["cpus"],
            num_gpus=settings["gpus"],
            # Whoever has sent a lost task sends it again: with a folder that the task which may not be dead does not know.
            max_retries=0,
            scheduling_strategy="SPREAD",
        )(ray_task.work)

    def start(self, key, job):
        carried = self.settings["transfer"] == "object-store"
        files = self.ray.put(read_files(job["directory"])) if carried else None
        task = Task(key, job, self.remote.remote(job, self.settings, files))
        self.tasks[key] = task
        threading.Thread(target=self.follow, args=(task,), daemon=True).start()

    def stop(self, key):
        task = self.tasks.get(key)
        if task is not None and not task.over:
            self.ray.cancel(task.generator)

    def follow(self, task):
        try:
            for reference in task.generator:
                if not self.handle(task, self.ray.get(reference)):
                    return
            self.end(task, event="lost", message="its task ended without a result", log="")
        except self.ray.exceptions.TaskCancelledError:
            self.end(task, event="stopped")
        except self.ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, self.ray.exceptions.TaskCancelledError):
                self.end(task, event="stopped")
            else:
                self.end(task, event="failed", message=f"its task failed: {first_line(error.cause)}", log=str(error))
        except self.ray.exceptions.RayError as error:
            # Its process, its machine, or an object on it.
            reason = first_line(error).split(". ")[0]
            self.end(task, event="lost", message=f"{type(error).__name__}, {reason}", log=str(error))
        except Exception as error:
            self.end(task, event="failed", message=f"{type(error).__name__}: {first_line(error)}", log=traceback.format_exc())

    def handle(self, task, event):
        """Passes an event on. False after the last one."""
        kind = event["event"]
        if kind == "alive":
            return not task.over
        if kind not in ("started", "progress", "files"):
            self.end(task, **event)
            return False
        with task.lock:
            if task.over:
                return False
            if kind == "started":
                task.node = event["node"]
            if kind == "files":
                task.job["directory"] = keep_files(task.job["directory"], event["files"])
            else:
                self.output.send(task=task.key, **event)
        return True

    def end(self, task, **event):
        """Nothing that the task may still do counts any more."""
        with task.lock:
            if task.over:
                return
            task.over = True
        self.output.send(task=task.key, **event)

    def watch(self):
        """Reports what the cluster can take, and the tasks of machines that are gone: one of those may go on, unknown to Ray."""
        known = None
        while True:
            try:
                nodes = self.ray.nodes()
            except Exception as error:
                self.output.send(event="broken", message=f"The cluster does not answer any more: {first_line(error)}")
                os._exit(1)
            alive = {node["NodeID"]: node["Resources"] for node in nodes if node["Alive"]}
            state = {"capacity": sum(map(self.fitting, alive.values())), "nodes": len(alive)}
            if state != known:
                known = state
                self.output.send(event="cluster", **state)
            for task in list(self.tasks.values()):
                if task.over:
                    self.tasks.pop(task.key, None)
                elif task.node is not None and task.node not in alive:
                    self.end(task, event="lost", message="its machine has left the cluster", log="")
            time.sleep(DEAD_NODE_SECONDS)

    def fitting(self, resources):
        """How many runs a machine can take at once."""
        needs = [("CPU", self.settings["cpus"]), ("GPU", self.settings["gpus"])]
        return min(int(resources.get(name, 0) / need + 1e-9) for name, need in needs if need > 0)


def read_files(directory):
    files = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, directory)] = file.read()
    return files


def keep_files(attempt, files):
    """Puts the files of a run into its folder, as another attempt that appears by one renaming. Returns its folder."""
    run = os.path.dirname(attempt)
    before = int(re.search(r"attempt-(\d{13})-", os.path.basename(attempt)).group(1))
    name = f"attempt-{max(int(time.time() * 1000), before + 1)}-{secrets.token_hex(6)}"
    unfinished = os.path.join(run, f".{name}.tmp")
    for relative, content in files.items():
        path = os.path.join(unfinished, relative)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    kept = os.path.join(run, name)
    os.rename(unfinished, kept)
    shutil.rmtree(attempt, ignore_errors=True)
    return kept


def first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def answers(host, port):
    try:
        socket.create_connection((host, port), timeout=3).close()
        return True
    except OSError:
        return False


def own_address():
    """The address that Ray takes for this machine's; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 1))
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


def prepare(address):
    """A line that says why nothing can be reached at an address, or None; Ray itself would wait for minutes."""
    match = re.fullmatch(r"\[?([^\]]+?)\]?:(\d+)", address)
    if match is None:
        return None if address == "auto" else f"The address is {address}, but has to be HOST:PORT as `ray start --head` prints it, or auto."
    host, port = match.group(1), int(match.group(2))
    if not answers(host, port):
        return f"Nothing answers at {address}: start a cluster with `ray start --head` and give the address that it prints."
    # Ray takes 127.0.0.1 for the machine's own address, where a cluster that is bound to 127.0.0.1 does not listen.
    if host in ("127.0.0.1", "localhost") and not answers(own_address(), port):
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    return None


def main():
    # Ray prints to standard output, too.
    output = Output(os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)
    settings = json.loads(sys.stdin.readline())["connect"]
    if importlib.util.find_spec("ray") is None:
        output.send(event="missing")
        return
    problem = prepare(settings["address"])
    if problem is not None:
        output.send(event="refused", message=problem)
        return
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    try:
        ray.init(address=settings["address"], configure_logging=False, log_to_driver=False)
    except Exception as error:
        output.send(event="refused", message=f"Ray {ray.__version__} cannot join the cluster at {settings['address']}: {first_line(error)}")
        return
    driver = Driver(ray, settings, output)
    output.send(event="ready", version=ray.__version__)
    threading.Thread(target=driver.watch, daemon=True).start()
    for line in sys.stdin:
        message = json.loads(line)
        if "start" in message:
            driver.start(message["start"], message["job"])
        elif "stop" in message:
            driver.stop(message["stop"])
    # Ray ends the tasks of a driver that is gone, and with its task each worker process.
    os._exit(0)


if __name__ == "__main__":
    main()
