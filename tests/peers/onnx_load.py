"""Checks that onnxruntime gives the same logits with a saved model's model.onnx, up to a constant, as `npm run predict` for images.

npm run predict -- --model models/blood --input photographs/ --output predictions.json --json
python tests/peers/onnx_load.py models/blood photographs/ predictions.json

Needs onnxruntime, and torch, timm, safetensors and Pillow for examples/open_in_timm.py. Ends with 1 where a logit differs by more than 1e-4.
"""

import json
import sys
from pathlib import Path

try:  # declares torchvision's compiled operators where they are missing; none is used here
    import torchvision_ops  # noqa: F401
except ImportError:
    pass
import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from open_in_timm import prepare

TOLERANCE = 1e-4
folder, images, predictions = map(Path, sys.argv[1:4])
about = json.loads((folder / "model.json").read_text())
session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
rows = json.loads(predictions.read_text())["rows"]
batch = np.concatenate([prepare(images / row["file"], about).numpy() for row in rows])
logits = session.run(["logits"], {"images": batch})[0].astype(np.float64)
theirs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
ours = np.log([[row["probabilities"][name] for name in about["classNames"]] for row in rows])
worst = float(np.abs(theirs - ours).max())
print(f"{about['name']}: {len(rows)} images in one batch, logits differ by at most {worst:.2g}")
sys.exit(worst > TOLERANCE)
