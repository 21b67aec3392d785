from __future__ import annotations

import pytest
import torch

from imagic.models.mixture import Mixture
from imagic.models.sampling import ddim
from imagic.snapshot import Snapshot
from tedbench.errors import UserError


def test_a_part_of_the_weights_is_pretrained_inside_and_tuned_again_after(tiny_model):
    network = tiny_model().network
    start = Snapshot(network)
    with torch.no_grad():
        for value in network.parameters():
            value.add_(1.0)
    tuned = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(KeyboardInterrupt), start.part_restored(r"^up_blocks|attn2"):
        for name, value in network.state_dict().items():
            forgotten = name.startswith("up_blocks") or "attn2" in name
            assert torch.equal(value, (start.state if forgotten else tuned)[name])
        raise KeyboardInterrupt
    assert all(torch.equal(value, tuned[name]) for name, value in network.state_dict().items())


def test_a_pattern_without_weights_is_refused(tiny_model):
    start = Snapshot(tiny_model().network)
    with pytest.raises(UserError, match="is called like 'nothing'"), start.part_restored("nothing"):
        pass


def test_two_networks_are_mixed_and_each_may_have_a_text_of_its_own(tiny_model, noise):
    one, two = tiny_model(), tiny_model()
    with torch.no_grad():
        for value in two.network.parameters():
            value.mul_(1.1)
    dog, cat = one.encode_text(["A dog."]), one.encode_text(["A cat on a box."])
    mixture = Mixture([(one, 0.75, None), (two, 0.25, cat)])
    t = torch.tensor([300, 600])
    found = mixture.predict(noise(0, 2), t, dog.expand(2))
    wanted = 0.75 * one.predict(noise(0, 2), t, dog.expand(2)) + 0.25 * two.predict(noise(0, 2), t, cat.expand(2))
    torch.testing.assert_close(found, wanted)
    whole = Mixture([(one, 1.0, None)])
    for guidance in (1, 3.0):
        a, b = (ddim(model, noise(), dog, cat, steps=3, guidance=guidance) for model in (one, whole))
        torch.testing.assert_close(a, b)


def test_models_of_other_processes_cannot_be_mixed(tiny_model, gaussian):
    if type(gaussian.process) is type(tiny_model().process):
        pytest.skip("the same process")
    with pytest.raises(UserError, match="tiny and gaussian cannot be mixed"):
        Mixture([(tiny_model(), 1.0, None), (gaussian, 1.0, None)])
