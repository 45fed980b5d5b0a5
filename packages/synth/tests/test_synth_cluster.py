"""On a Ray cluster of two machines, one killed midway, a dataset is what one process makes. Needs the extra `ray`."""

import threading
import time
from pathlib import Path

import pytest

from linelet_synth import Job, generate, load_recipe

COUNT = 6000


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")  # ray's own
def test_a_lost_machine_changes_nothing(tmp_path: Path) -> None:
    import ray
    from ray.cluster_utils import Cluster

    job = Job(load_recipe("health-app"), 3, COUNT, "screen", grey=True)
    generate(job, tmp_path / "alone")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    killed = threading.Event()

    def kill() -> None:
        parts = tmp_path / "ray" / ".parts"
        while not (parts.exists() and len(list(parts.glob("*.txt"))) >= 3):
            time.sleep(0.05)
        cluster.remove_node(nodes[0], allow_graceful=False)
        killed.set()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    try:
        generate(job, tmp_path / "ray", engine="ray")
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert killed.is_set()
    files = [
        {p.name: p.read_bytes() for p in (tmp_path / place).rglob("*") if p.is_file()} for place in ("alone", "ray")
    ]
    assert files[0] == files[1]
