"""Checks that timm opens a saved model with strict=True and gives the same logits, up to a constant, as `npm run predict` for images.

npm run predict -- --model models/blood --input photographs/ --output predictions.json --json
python tests/peers/timm_load.py models/blood photographs/ predictions.json

Needs torch, timm, safetensors and Pillow. Prints one line, and ends with 1 where a logit differs by more than 2e-4.
"""

import json
import sys
from pathlib import Path

try:  # declares torchvision's compiled operators where they are missing; none is used here
    import torchvision_ops  # noqa: F401
except ImportError:
    pass
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from open_in_timm import open_model, prepare

TOLERANCE = 2e-4
model, about = open_model(sys.argv[1])
rows = json.loads(Path(sys.argv[3]).read_text())["rows"]
worst = 0.0
for row in rows:
    with torch.no_grad():
        logits = model(prepare(Path(sys.argv[2], row["file"]), about))[0].double()
    theirs = logits.log_softmax(-1)
    ours = torch.tensor([row["probabilities"][name] for name in about["classNames"]], dtype=torch.float64).log()
    worst = max(worst, float((theirs - ours).abs().max()))
print(f"{about['timm']['name']}: {len(rows)} images, logits differ by at most {worst:.2g}")
sys.exit(worst > TOLERANCE)
