"""OSC as other programs write it: npm's osc and Perl's Protocol::OSC; blobs, nested timed bundles, wrong types."""

import json
import time

import pytest
from programs import Stage, has_node, needs, play

pytestmark = pytest.mark.real

NODE = """
const osc = require("osc");
const port = new osc.UDPPort({localAddress: "127.0.0.1", localPort: 0, metadata: true,
    remoteAddress: "127.0.0.1", remotePort: Number(process.argv[1])});
const i = value => ({type: "i", value}), s = value => ({type: "s", value}), f = value => ({type: "f", value});
port.on("ready", () => {
    port.send({address: "/diegetic/tell", args: [i(1), s("storm"), s("rain"), f(20)]});
    port.send({timeTag: osc.timeTag(5), packets: [
        {address: "/diegetic/cue/go", args: [i(2), s("early")]},
        {timeTag: osc.timeTag(9), packets: [{address: "/diegetic/cue/go", args: [i(3), s("late")]}]},
    ]});
    port.send({address: "/diegetic/render", args: [i(4), {type: "b", value: new Uint8Array([1, 2, 3, 4, 5])}]});
    port.send({address: "/diegetic/param/intensity", args: [{type: "d", value: 0.25}]});
    port.send({address: "/diegetic/status", args: []});
});
port.on("message", message => {
    console.log(JSON.stringify([message.address, message.args.map(each => each.value)]));
    if (message.address === "/diegetic/status.reply") port.close();
});
port.open();
"""

PERL = """
use Protocol::OSC; use IO::Socket::INET; use Time::HiRes 'time';
my $osc = Protocol::OSC->new;
my $udp = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $ARGV[0], Proto => 'udp');
$udp->send($osc->message('/diegetic/tell', 'issf', 1, 'storm', 'rain', 20));
$udp->send($osc->bundle(time() + 5, ['/diegetic/cue/go', 'is', 2, 'early'],
    [time() + 9, ['/diegetic/cue/go', 'is', 3, 'late']]));
$udp->send($osc->message('/diegetic/render', 'ib', 4, "\\1\\2\\3\\4\\5"));
$udp->send($osc->message('/diegetic/param/intensity', 'f', 0.25));
$udp->send($osc->message('/diegetic/status', ''));
while (1) {
    $udp->recv(my $data, 65536);
    my $message = $osc->parse($data);
    my @args = map { /^-?[\\d.e+-]+$/ ? $_ : qq("$_") } $message->args;
    print '["', $message->path, '", [', join(', ', @args), "]]\\n";
    last if $message->path eq '/diegetic/status.reply';
}
"""


async def same_of_all(stage: Stage, lines: list[str], began_s: float, ended_s: float) -> None:
    """What each of the programs sends means the same, and what it is answered it can read."""
    tell, early, late = stage.engine.calls
    assert tell == ("tell", "storm", "rain", 20.0, None)
    assert (early[:2], late[:2]) == (("cue/go", "early"), ("cue/go", "late"))
    assert began_s + 4.9 < early[2] < ended_s + 5.1
    assert late[2] - early[2] == pytest.approx(4, abs=0.2)
    assert stage.engine.values["intensity"] == 0.25
    answers = [json.loads(line) for line in lines]
    assert [address for address, _ in answers] == [
        *("/diegetic/ack",) * 3,
        "/diegetic/fail",
        "/diegetic/status.reply",
    ]
    assert answers[0][1] == [1, "/diegetic/tell", 1]
    fail = answers[3][1]
    none = fail.pop(2)
    assert none in (-1, 2**32 - 1), "Perl's reads integers without their sign"
    assert fail[:4] == [4, "/diegetic/render", 400, "bad-types"]
    assert "story must be a string, got a blob" in fail[4]
    assert answers[4][1][-2:] == ["pocket", "null"]


@pytest.mark.skipif(not has_node("osc"), reason="needs node with the module osc (npm install osc, NODE_PATH)")
def test_nodes_osc_is_understood_and_understands() -> None:
    async def scene(stage: Stage) -> None:
        began_s = time.perf_counter()
        lines = await stage.run("node", "-e", NODE, str(stage.server.port))
        await same_of_all(stage, lines, began_s, time.perf_counter())

    play(scene)


@needs("perl", "perl libprotocol-osc-perl")
def test_perls_protocol_osc_is_understood_and_understands() -> None:
    async def scene(stage: Stage) -> None:
        try:
            await stage.run("perl", "-MProtocol::OSC", "-e", "1")
        except AssertionError:
            pytest.skip("needs Protocol::OSC (apt install libprotocol-osc-perl)")
        began_s = time.perf_counter()
        lines = await stage.run("perl", "-e", PERL, str(stage.server.port))
        await same_of_all(stage, lines, began_s, time.perf_counter())

    play(scene)
