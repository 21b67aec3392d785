"""A service of one's own that edits images by OpenAI's protocol: python examples/edit_server.py [PORT] [options of eval.run]

It serves a pipeline of method=pipeline (model=ip2p or another) to this machine alone, one image at a time. Then edit by it, without a key:
    python -m eval.run method=endpoint method.url=http://127.0.0.1:8600/v1 method.model_name=mine method.terms.key=null
"""

import base64
import json
import sys
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from PIL import Image

from cli.command import compose
from imagic.api import build_model

PORT, OPTIONS = int([*sys.argv, "8600"][1]), sys.argv[2:]
CONFIG: Any = OmegaConf.to_container(compose("run", ["method=pipeline", "model=ip2p", *OPTIONS]), resolve=True)
MODEL = build_model(CONFIG, "cpu")


class Service(BaseHTTPRequestHandler):
    """Answers a form of image, prompt, seed of the noise, and numbers for other arguments of the pipeline's call."""

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["content-length"]))
        form = BytesParser().parsebytes(f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode() + sent)
        name = lambda part: part.get_param("name", header="content-disposition")
        fields: dict[Any, Any] = {name(part): part.get_payload(decode=True) for part in form.walk()}
        image = np.array(Image.open(BytesIO(fields.pop("image"))).convert("RGB"))
        words = {key: value.decode() for key, value in fields.items() if key not in (None, "model", "n")}
        text, noise = words.pop("prompt"), torch.Generator().manual_seed(int(words.pop("seed", 0)))
        call = CONFIG["method"]["call"] | {key: float(value) for key, value in words.items()}
        edited, picture = MODEL.edit(image, text, call, noise, CONFIG["method"]["invert"]).image, BytesIO()
        Image.fromarray(edited).save(picture, format="PNG")
        self.send_response(200)
        self.end_headers()
        data = [{"b64_json": base64.b64encode(picture.getvalue()).decode()}]
        self.wfile.write(json.dumps({"model": MODEL.name, "data": data}).encode())


print(f"serving {MODEL.name} at http://127.0.0.1:{PORT}/v1", flush=True)
HTTPServer(("127.0.0.1", PORT), Service).serve_forever()
