"""A grid over a Ray cluster of two nodes, one of which is killed halfway: every run present, same bytes as locally."""

import threading

import pytest

import metabnn

ray = pytest.importorskip("ray", reason="Ray is not installed: no cluster is tried")

import metabnn.ray  # noqa: E402

SETTINGS = {
    "data.sets": ["glyphs"],
    "data.train_images": 2000,
    "data.test_images": 500,
    "network.hidden": [256, 256],
    "tasks.count": 2,
    "schedule.epochs": 8,
    "vary.rule.m": [0, 1.35],
}
SEEDS = (0, 1, 2)


@pytest.fixture
def cluster():
    """Two nodes of one processor each, on this machine."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = made.add_node(num_cpus=1)
    ray.init(address=made.address, log_to_driver=False)
    try:
        yield made, second
    finally:
        ray.shutdown()
        made.shutdown()


def test_a_node_is_killed_halfway(cluster, tmp_path):
    made, second = cluster
    assert sum(node["Alive"] for node in ray.nodes()) == 2
    finished = []

    def kill_after_the_first(event):
        finished.append(event["name"])
        if len(finished) == 1:
            threading.Thread(target=made.remove_node, args=(second, False)).start()

    found = metabnn.ray.run({}, seeds=SEEDS, settings=SETTINGS, out=tmp_path / "ray", callback=kill_after_the_first)
    assert not second.live_processes(), "the node is gone"
    local = metabnn.run({}, settings={**SETTINGS, "vary.seed": SEEDS}, out=tmp_path / "local")
    assert sorted(finished) == sorted(run.name for run in local.runs) and len(finished) == 6
    for run in local.runs:
        names = sorted(path.name for path in run.folder.iterdir())
        assert names == sorted(path.name for path in found[run.name].folder.iterdir())
        for name in names:
            # What a run says of itself has its wall time in it.
            if name != "summary.json":
                assert (found[run.name].folder / name).read_bytes() == (run.folder / name).read_bytes(), (run.name, name)
        for key in ("hash", "results", "accuracy_matrix", "data"):
            assert found[run.name].summary[key] == run.summary[key]
    assert (tmp_path / "ray/recipe.toml").read_bytes() == (tmp_path / "local/recipe.toml").read_bytes()
    assert (tmp_path / "ray/table.md").read_bytes() == (tmp_path / "local/table.md").read_bytes()
    # Nothing is left to do; the command's own engine takes what is there.
    again = []
    metabnn.ray.run({}, seeds=SEEDS, settings=SETTINGS, out=tmp_path / "ray", callback=again.append)
    assert again == []
    events = []
    metabnn.run({}, settings={**SETTINGS, "vary.seed": SEEDS}, out=tmp_path / "ray", callback=events.append)
    assert [event["found"] for event in events] == [True] * 6
    # A run that fails does not keep the others from being done, and a folder of other results is not overwritten.
    wild = SETTINGS | {"vary.optimizer.lr": [0.005, 1e38], "network.precision": "full-precision", "vary.rule.m": [0]}
    with pytest.raises(metabnn.ExperimentError, match="(?s)1 of 2.*optimizer.lr") as failed:
        metabnn.ray.run({}, settings=wild | {"schedule.epochs": 1}, out=tmp_path / "wild")
    assert "lr=1" in str(failed.value) and len(metabnn.Results(tmp_path / "wild").runs) == 1
    with pytest.raises(metabnn.ExperimentError, match="results"):
        metabnn.ray.run({}, settings=wild, out=tmp_path / "ray")
