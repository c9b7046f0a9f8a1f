#!/usr/bin/env python3
"""Checks the manifests with the tools that will read them: kustomize, Helm, and Kubernetes' own schemas.

    pip install kubernetes-validate helm-python-sdk pyyaml    # and kubectl, for its kustomize
    python3 deploy/check.py

Both ways of installing have to be valid for every Kubernetes version below, and to come to the same.
"""

import subprocess
import sys
from pathlib import Path

import helm_python
import kubernetes_validate
import yaml

HERE = Path(__file__).parent
VERSIONS = ["1.30", "1.33", "1.37"]
CHART = HERE / "helm" / "yagura"


def kustomized(folder):
    built = subprocess.run(["kubectl", "kustomize", str(HERE / "kustomize" / folder)], capture_output=True, text=True)
    if built.returncode != 0:
        sys.exit(f"kustomize {folder}: {built.stderr}")
    return by_name(built.stdout)


def helmed(values):
    chart = helm_python.Chart.load(CHART)
    values = chart.merge_values(values)
    chart.validate_schema(values)
    rendered = chart.render(values, name="yagura", namespace="yagura", is_install=True)
    return by_name("\n---\n".join(text for name, text in rendered.items() if name.endswith(".yaml")))


def by_name(text):
    documents = [document for document in yaml.safe_load_all(text) if document]
    return {(document["kind"], document["metadata"]["name"]): document for document in documents}


def validate(what, documents):
    for (kind, name), document in documents.items():
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                sys.exit(f"{what}: {kind}/{name} is not valid for {version}: {error.message}")
    print(f"{what}: {len(documents)} documents are valid for {', '.join(VERSIONS)}")


def settled(document):
    """Without what only one of the two writes: how the image is named, and whether it is pulled."""
    document = yaml.safe_load(yaml.safe_dump(document))
    for container in document.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
        container.pop("imagePullPolicy", None)
    return document


def agree(what, kustomize, helm):
    # Helm makes namespaces itself (--create-namespace).
    kustomize = {key: document for key, document in kustomize.items() if key[0] != "Namespace"}
    if kustomize.keys() != helm.keys():
        sys.exit(f"{what}: only one of both has {sorted(kustomize.keys() ^ helm.keys())}")
    for key, document in kustomize.items():
        ours, theirs = settled(document), settled(helm[key])
        if ours != theirs:
            print(yaml.safe_dump(ours), yaml.safe_dump(theirs), sep="\n--- Helm:\n")
            sys.exit(f"{what}: {key} differs")
    print(f"{what}: kustomize and Helm agree")


def refused(what, values):
    try:
        helmed(values)
    except helm_python.HelmError as error:
        print(f"refused: {what}: {str(error).splitlines()[0][:120]}")
        return
    sys.exit(f"Helm takes {what}")


base, postgres = kustomized("base"), kustomized("overlays/postgres")
plain, replicated = helmed({}), helmed({"center": {"replicas": 3, "databaseSecret": "yagura-database"}})
for name, documents in [
    ("base", base),
    ("overlays/postgres", postgres),
    ("chart", plain),
    ("chart with PostgreSQL", replicated),
    ("chart with everything", helmed({
        "image": {"repository": "registry.example/yagura", "tag": "1"}, "imagePullSecrets": [{"name": "pull"}],
        "center": {"tlsSecret": "tls", "names": ["yagura.example"], "publicUrl": "https://yagura.example",
                   "storage": {"className": "fast"}, "service": {"type": "LoadBalancer"}},
        "sensor": {"enforce": False, "token": "a-token", "nodeSelector": {"kubernetes.io/os": "linux"}},
    })),
    ("chart with sensors alone", helmed({"center": {"enabled": False}, "sensor": {"center": "https://yagura.example:7444"}})),
]:
    validate(name, documents)
agree("SQLite", base, plain)
agree("PostgreSQL", postgres, replicated)
refused("several replicas on SQLite", {"center": {"replicas": 2}})
refused("an unknown value", {"centre": {}})
refused("a center's address without TLS", {"sensor": {"center": "http://x"}})
report = helm_python.lint(CHART, strict=True, namespace="yagura")
problems = [message for message in report["messages"] or [] if message["severity"] > 1]
if problems or report.get("errors"):
    sys.exit(f"helm lint: {problems} {report.get('errors')}")
print("helm lint: nothing to say\nall is well")
