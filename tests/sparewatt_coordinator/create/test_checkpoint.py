import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from sparewatt.errors import InputError, IntegrityError
from sparewatt.numeric.initial import initial_weights
from sparewatt.work.hub_config import hub_config
from sparewatt.work.model import ModelSpec, tensors
from sparewatt_coordinator.create.checkpoint import read_checkpoint

TIED = ModelSpec("gpt2", 64, 32, 64, 2, 4, 4, 32)
SEPARATE = ModelSpec("qwen2", 64, 32, 64, 2, 4, 2, 32, "separate")
WEIGHTS = {spec.architecture: initial_weights(spec, 5) for spec in (TIED, SEPARATE)}


def named(spec: ModelSpec, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    flat, parts, first = torch.from_numpy(WEIGHTS[spec.architecture]), {}, 0
    for tensor in tensors(spec):
        parts[tensor.name] = flat[first : first + tensor.count].view(tensor.shape).to(dtype).clone()
        first += tensor.count
    return parts


def written(folder: Path, spec: ModelSpec, parts: Mapping[str, torch.Tensor]) -> Path:
    (folder / "config.json").write_text(json.dumps(hub_config(spec)))
    save_file(dict(parts), folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("spec", [TIED, SEPARATE], ids=lambda spec: spec.architecture)
def test_a_checkpoint_is_read_as_it_was_saved(spec: ModelSpec, tmp_path: Path) -> None:
    found = read_checkpoint(written(tmp_path, spec, named(spec)))
    assert found.spec == spec
    assert found.weights.tobytes() == WEIGHTS[spec.architecture].tobytes()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_numbers_become_fp32(dtype: torch.dtype, tmp_path: Path) -> None:
    found = read_checkpoint(written(tmp_path, SEPARATE, named(SEPARATE, dtype)))
    expected = torch.from_numpy(WEIGHTS["qwen2"]).to(dtype).to(torch.float32).numpy()
    assert np.array_equal(found.weights, expected)


def test_a_checkpoint_in_several_files_is_one(tmp_path: Path) -> None:
    parts = named(SEPARATE)
    written(tmp_path, SEPARATE, parts)
    (tmp_path / "model.safetensors").unlink()
    halves = [dict(list(parts.items())[::2]), dict(list(parts.items())[1::2])]
    for number, half in enumerate(halves):
        save_file(half, tmp_path / f"model-{number}.safetensors")
    weight_map = {name: f"model-{number}.safetensors" for number, half in enumerate(halves) for name in half}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert read_checkpoint(tmp_path).weights.tobytes() == WEIGHTS["qwen2"].tobytes()


def test_names_without_the_inner_models_and_old_buffers_are_understood(tmp_path: Path) -> None:
    parts = {name.removeprefix("transformer."): value for name, value in named(TIED).items()}
    parts["h.0.attn.bias"] = torch.ones(1, 1, 32, 32)
    parts["lm_head.weight"] = parts["wte.weight"].clone()
    assert read_checkpoint(written(tmp_path, TIED, parts)).weights.tobytes() == WEIGHTS["gpt2"].tobytes()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda parts: parts.pop("model.norm.weight"), "missing"),
        (lambda parts: parts.update({"model.extra.weight": torch.ones(2)}), "unknown"),
        (lambda parts: parts.update({"model.norm.weight": torch.ones(33)}), "shape"),
    ],
)
def test_weights_that_do_not_fit_the_configuration_are_refused_by_name(
    change: Callable[[dict[str, torch.Tensor]], object], kind: str, tmp_path: Path
) -> None:
    parts = named(SEPARATE)
    change(parts)
    with pytest.raises(InputError, match=r"checkpoint\.tensors") as caught:
        read_checkpoint(written(tmp_path, SEPARATE, parts))
    assert caught.value.parameters["kind"] == kind


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    parts = named(SEPARATE)
    parts["model.norm.weight"][3] = float("nan")
    with pytest.raises(IntegrityError, match=r"weights\.not_finite"):
        read_checkpoint(written(tmp_path, SEPARATE, parts))


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_file_that_is_not_there_is_said(missing: str, tmp_path: Path) -> None:
    written(tmp_path, SEPARATE, named(SEPARATE))
    (tmp_path / missing).unlink()
    with pytest.raises(InputError, match=r"checkpoint\.missing"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("config", [b"", b"[]", b"[" * 100_000, b"\xff", b"{" + b" " * (2 << 20) + b"}"])
def test_a_configuration_that_is_none_is_refused(config: bytes, tmp_path: Path) -> None:
    written(tmp_path, SEPARATE, named(SEPARATE))
    (tmp_path / "config.json").write_bytes(config)
    with pytest.raises(InputError, match=r"checkpoint\.malformed"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("place", ["../model.safetensors", "/etc/passwd", "model.bin", 7])
def test_an_index_leads_nowhere_else(place: object, tmp_path: Path) -> None:
    written(tmp_path, SEPARATE, named(SEPARATE))
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": place}}))
    with pytest.raises(InputError, match=r"checkpoint\.malformed"):
        read_checkpoint(tmp_path)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("honest"), SEPARATE, named(SEPARATE))


@given(data=st.data())
@settings(max_examples=100)
def test_hostile_weights_are_refused_or_read_and_nothing_else(honest: Path, data: st.DataObject) -> None:
    path = honest / "model.safetensors"
    good = path.read_bytes()
    bad = bytearray(good)
    (header,) = struct.unpack_from("<Q", good)
    for _ in range(data.draw(st.integers(1, 4))):
        bad[data.draw(st.integers(0, 8 + header))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(bad)), st.integers(0, len(bad))))
    try:
        path.write_bytes(bad[:cut])
        read_checkpoint(honest)
    except (InputError, IntegrityError):
        pass
    finally:
        path.write_bytes(good)
