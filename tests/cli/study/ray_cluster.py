"""A Ray cluster of some nodes on this machine, bound to 127.0.0.1, for tests: `ray_cluster.py FOLDER NODES`.

Prints a line of JSON with its address and the process ids of its nodes' raylets, and ends with its standard input, or with the process that has
started it. `ray start` would bind the nodes to the machine's own address, whatever --node-ip-address says.
"""

import json
import os
import sys
import threading
import time

folder, count = sys.argv[1], int(sys.argv[2])
# Ray's own default, /tmp/ray, may be somebody else's.
os.environ.update(RAY_TMPDIR=folder, RAY_USAGE_STATS_ENABLED="0", RAY_DISABLE_IMPORT_WARNING="1")

from ray.cluster_utils import Cluster  # noqa: E402

out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

# A killed node is missed within ten seconds; one that only waits for its turn on a busy machine is not.
health = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500, "health_check_timeout_ms": 1000, "health_check_failure_threshold": 20}
common = {"node_ip_address": "127.0.0.1", "num_cpus": 1, "object_store_memory": 80_000_000, "include_log_monitor": False}

cluster = Cluster()
nodes = [cluster.add_node(include_dashboard=False, dashboard_agent_listen_port=0, _system_config=health, **common)]
nodes += [cluster.add_node(**common) for _ in range(count - 1)]
raylets = [node.all_processes["raylet"][0].process for node in nodes]


def reap():
    """A raylet that is a zombie would still seem to be there to its workers."""
    while True:
        for raylet in raylets:
            raylet.poll()
        time.sleep(0.2)


threading.Thread(target=reap, daemon=True).start()
out.write(json.dumps({"address": cluster.address, "raylets": [raylet.pid for raylet in raylets]}) + "\n")
out.flush()
sys.stdin.read()
cluster.shutdown()
