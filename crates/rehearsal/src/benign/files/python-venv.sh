#!/bin/bash
# A virtual environment is made, a wheel is built and installed without a network, its command runs.
set -eu
python3 - <<'PY'
import base64, hashlib, zipfile
files = {
    "shopkit/__init__.py": "def main():\n    print('shopkit', 2 + 2)\n",
    "shopkit-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: shopkit\nVersion: 1.0\n",
    "shopkit-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "shopkit-1.0.dist-info/entry_points.txt": "[console_scripts]\nshopkit = shopkit:main\n",
}
record = ""
for name, text in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    record += f"{name},sha256={digest},{len(text)}\n"
with zipfile.ZipFile("/tmp/shopkit-1.0-py3-none-any.whl", "w") as wheel:
    for name, text in files.items():
        wheel.writestr(name, text)
    wheel.writestr("shopkit-1.0.dist-info/RECORD", record + "shopkit-1.0.dist-info/RECORD,,\n")
PY
python3 -m venv /srv/venv
/srv/venv/bin/pip install --quiet --no-index /tmp/shopkit-1.0-py3-none-any.whl
/srv/venv/bin/shopkit
. /srv/venv/bin/activate
python -c 'import shopkit, json; print(json.dumps({"where": shopkit.__file__}))'
python -m compileall -q /srv/venv/lib/python3*/site-packages/shopkit
pip list --format=freeze | grep shopkit
pip uninstall --quiet --yes shopkit
