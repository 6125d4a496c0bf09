"""An OSCQuery client that others wrote (npm's oscquery) reads the tree."""

import json

import pytest
from programs import Stage, has_node, play

from diegetic.live.cues import SLOTS
from diegetic_bridges.session import Session
from diegetic_bridges.web import WebServer

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        not has_node("oscquery"), reason="needs node with the module oscquery (npm install oscquery, NODE_PATH)"
    ),
]

READ = """
const { OSCQueryDiscovery } = require("oscquery");
new OSCQueryDiscovery().queryNewService("127.0.0.1", Number(process.argv[1])).then(service => {
    const nodes = service.flat().map(each => [each.full_path, each.access, each.arguments || []]);
    console.log(JSON.stringify({host: service.hostInfo, nodes}));
});
"""


def test_its_tree_has_every_address_with_types_ranges_and_values() -> None:
    async def scene(stage: Stage) -> None:
        async with WebServer(Session(stage.engine), stage.engine, port=0, osc_port=stage.server.port) as web:
            (line,) = await stage.run("node", "-e", READ, str(web.port))
        found = json.loads(line)
        assert found["host"]["oscPort"] == stage.server.port
        nodes = {path: (access, arguments) for path, access, arguments in found["nodes"]}
        assert {f"/diegetic/slot/{slot}/go" for slot in SLOTS} <= set(nodes)
        access, (intensity,) = nodes["/diegetic/param/intensity"]
        assert access == 3
        assert (intensity["type"], intensity["range"], intensity["value"]) == ("f", {"min": 0, "max": 1}, 0.5)
        assert [each["type"] for each in nodes["/diegetic/tell"][1]] == ["i", "s", "s", "f"]

    play(scene)
