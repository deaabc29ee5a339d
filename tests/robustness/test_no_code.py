"""Nothing that is loaded runs code: no pickle anywhere, and networks in Keras's safe mode."""

import ast
import pickle
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import chollet_cnn
from chollet_cnn.data import mnist_files
from chollet_cnn.errors import UserError
from chollet_cnn.training import checkpoints, runs
from chollet_cnn.training.checkpoints import Checkpoint

ROOT = Path(chollet_cnn.__file__).parents[1]
RUN_CODE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {"eval", "exec", "read_pickle", "unsafe_load", "enable_unsafe_deserialization"}


class Attack:
    """An object that leaves a file where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.fixture
def mark(tmp_path):
    """The file that an attack would leave."""
    return tmp_path / "code-was-run"


def run_with(folder):
    config = {"classes": ["a", "b"], "settings": {"data_options": {}}}
    return runs.Run(folder, config, {}, {"parameters": 1})


def test_the_attacks_would_work_without_the_protection(tmp_path, mark):
    np.save(tmp_path / "array.npy", np.array([Attack(mark)]), allow_pickle=True)
    np.load(tmp_path / "array.npy", allow_pickle=True)
    assert mark.exists()


def test_a_network_with_code_in_a_lambda_layer_is_refused(tmp_path, mark):
    image = keras.Input((28, 28, 1))
    spy = keras.layers.Lambda(eval(f"lambda x: (open({str(mark)!r}, 'w'), x)[1]"))
    keras.Model(image, spy(image)).save(tmp_path / "model.keras")
    mark.unlink(missing_ok=True)
    with pytest.raises(UserError, match=r"model\.keras cannot be read"):
        run_with(tmp_path).load_model()
    assert not mark.exists()


@pytest.mark.parametrize("where", ["module", "registered_name"])
def test_a_network_that_names_a_function_of_python_is_refused(tmp_path, mark, where):
    keras.Sequential([keras.Input((28, 28, 1)), keras.layers.ReLU()]).save(tmp_path / "a.keras")
    with (
        zipfile.ZipFile(tmp_path / "a.keras") as whole,
        zipfile.ZipFile(tmp_path / "model.keras", "w") as crafted,
    ):
        for name in whole.namelist():
            content = whole.read(name)
            if name == "config.json":
                content = (
                    '{"module": "os", "class_name": "system", "registered_name": "os>system", '
                    f'"config": {{"command": "touch {mark}"}}}}'
                ).encode()
                if where == "registered_name":
                    content = content.replace(b'"module": "os"', b'"module": null')
            crafted.writestr(name, content)
    with pytest.raises(UserError, match=r"model\.keras cannot be read"):
        run_with(tmp_path).load_model()
    assert not mark.exists()


def test_a_network_in_the_format_before_keras_3_is_refused(tmp_path):
    with h5py.File(tmp_path / "model.keras", "w") as file:
        file.attrs["model_config"] = "{}"
    with pytest.raises(UserError, match="it is not a file of Keras"):
        run_with(tmp_path).load_model()


def test_pickled_arrays_are_refused_everywhere(tmp_path, mark):
    attack = np.array([Attack(mark)])
    (tmp_path / "checkpoint").mkdir()
    np.savez(tmp_path / checkpoints.FILE, rows=attack, variable_0=attack, identity=attack)
    with pytest.raises(UserError, match="cannot be used"):
        checkpoints.read(tmp_path, {}, Checkpoint())
    (tmp_path / "epochs").mkdir()
    np.savez(tmp_path / "epochs" / "weights-001.npz", weight_0=attack)
    with pytest.raises(UserError, match="cannot be read"):
        run_with(tmp_path).read_epoch_weights(1)
    np.savez(tmp_path / "mnist.npz", **dict.fromkeys(mnist_files.ARRAYS, attack))
    with pytest.raises(mnist_files.Damaged):
        mnist_files.read_arrays("mnist.npz", (tmp_path / "mnist.npz").read_bytes())
    for name in ("y_test.npy", "mnist.npz"):
        with pytest.raises(mnist_files.Damaged):
            mnist_files.read_arrays(name, pickle.dumps(Attack(mark)))
    assert not mark.exists()


def test_no_file_of_the_project_unpickles_or_evaluates_anything():
    found = []
    for path in [*(ROOT / "chollet_cnn").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names if alias.name in RUN_CODE]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module] * (node.module in RUN_CODE)
            elif isinstance(node, ast.Call):
                options = {option.arg: ast.unparse(option.value) for option in node.keywords}
                called = ast.unparse(node.func)
                names = [called] * (called.rpartition(".")[2] in FORBIDDEN_CALLS)
                if called == "np.load":
                    names += ["np.load"] * (options.get("allow_pickle") != "False")
                if called.endswith("load_model") and "models" in called:
                    names += [called] * (options.get("safe_mode") != "True")
            found += [f"{path.relative_to(ROOT)}:{node.lineno}: {name}" for name in names]
    assert found == []
