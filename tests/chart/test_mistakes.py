"""Typical mistakes in values: each is rejected with one clear sentence."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.helm import Helm, RefusedError, written

_RIGHT = """
testers:
  fuji:
    network: fuji
    storage: {size: 300Gi}
    monitor:
      image: {repository: registry.example/bootstrap-monitor}
"""
_MAX_LENGTH = (
    "and the name of a StatefulSet may have at most 52: "
    "shorten the name of the tester or of the release, or set fullnameOverride"
)
_REPOSITORY = "it must be [host[:port]/]name, and the tag must be set in image.tag"
_LETTERS = "but it must start with a letter and have only lowercase letters, digits and hyphens: set fullnameOverride"
_LONG = "a-tester-whose-name-says-more-than-anybody-wants-to-read"
_STALL_TIMEOUT = "testers.fuji.monitor.settings.stallTimeout"
_HOST = "it must be host[:port], such as auth.example or auth.example:8443"

# For each mistake: the change, as YAML merged into the values above, and the expected sentence. REMOVED
# deletes a value.
_MISTAKES = {
    "a typo in a switch": (
        "podMonitr: {enabled: true}",
        "at '': additional properties 'podMonitr' not allowed",
    ),
    "a typo of a tester's": (
        "testers: {fuji: {netwrok: fuji}}",
        "at '/testers/fuji': additional properties 'netwrok' not allowed",
    ),
    "a typo in a setting": (
        "defaults: {monitor: {settings: {stallTimeOut: 12h}}}",
        "at '/defaults/monitor/settings': additional properties 'stallTimeOut' not allowed",
    ),
    "a flag where a setting is": (
        "defaults: {monitor: {settings: {stall-timeout: 12h}}}",
        "at '/defaults/monitor/settings': additional properties 'stall-timeout' not allowed",
    ),
    "no network": (
        "testers: {fuji: {network: REMOVED}}",
        "testers.fuji.network is not set: set it to mainnet, fuji, or the ID of a network",
    ),
    "a network of the wrong type": (
        "testers: {fuji: {network: [fuji]}}",
        "at '/testers/fuji/network': got array, want integer or string",
    ),
    "an unknown network": (
        "testers: {fuji: {network: fuij}}",
        'testers.fuji.network is "fuij": it must be mainnet, fuji, another known network, or an ID such as 54321',
    ),
    "an unknown sync mode": (
        "testers: {fuji: {syncMode: fast-sync}}",
        "at '/testers/fuji/syncMode': value must be one of 'c-chain-state-sync', 'only-p-chain-full-sync', 'full-sync'",
    ),
    "a duration without a unit": (
        'defaults: {monitor: {settings: {soak: "300"}}}',
        'testers.fuji.monitor.settings.soak is "300": it must be a duration such as 30s, 1m30s, 12h or 14d',
    ),
    "a duration in weeks": (
        "testers: {fuji: {monitor: {settings: {deadline: 2w}}}}",
        'testers.fuji.monitor.settings.deadline is "2w": it must be a duration such as 30s, 1m30s, 12h or 14d',
    ),
    "a duration that is a number": (
        "defaults: {monitor: {settings: {soak: 300}}}",
        "at '/defaults/monitor/settings/soak': got number, want null or string",
    ),
    "a duration of nothing": (
        "defaults: {monitor: {settings: {soak: 0s}}}",
        'testers.fuji.monitor.settings.soak is "0s": it must be longer than zero',
    ),
    "a percentage out of range": (
        "defaults: {monitor: {settings: {diskFloor: 100}}}",
        "testers.fuji.monitor.settings.diskFloor is 100: it must be a percentage below 100",
    ),
    "a source that does not exist": (
        "defaults: {monitor: {settings: {imageSource: pods}}}",
        "at '/defaults/monitor/settings/imageSource': value must be one of 'auto', 'registry', 'pod'",
    ),
    "a tester's name in capitals": (
        "testers: {Mainnet: {network: mainnet}}",
        "testers.Mainnet: the name of a tester must consist of lowercase letters, digits and hyphens: rename it",
    ),
    "a name that is too long": (
        f"testers: {{{_LONG}: {{network: fuji}}}}",
        f"testers.{_LONG} would be named prod-{_LONG}, which has {len(_LONG) + 5} characters, {_MAX_LENGTH}",
    ),
    "a prefix that no Service may have": (
        "fullnameOverride: 1st.bed",
        f"testers.fuji would be named 1st.bed-fuji, {_LETTERS}",
    ),
    "no storage": (
        "testers: {fuji: {storage: REMOVED}}",
        "testers.fuji.storage.size is not set: set it to the size of the volume, such as 500Gi",
    ),
    "storage without a unit": (
        'testers: {fuji: {storage: {size: "500"}}}',
        'testers.fuji.storage.size is "500": it must be a number with a unit, such as 500Gi or 2Ti',
    ),
    "storage with a unit of its own": (
        "testers: {fuji: {storage: {size: 500GB}}}",
        'testers.fuji.storage.size is "500GB": it must be a number with a unit, such as 500Gi or 2Ti',
    ),
    "one claim for two testers": (
        "{defaults: {storage: {existingClaim: old}}, testers: {second: {network: fuji}}}",
        "testers.fuji and testers.second both use the claim old: set a different storage.existingClaim for each tester",
    ),
    "all defaults taken away": (
        "defaults: {storage: ~}",
        "at '/defaults': missing property 'storage'",
    ),
    "a default's part taken away": (
        "defaults: {monitor: {registry: ~}}",
        "at '/defaults/monitor': missing property 'registry'",
    ),
    "nothing where a tester is": (
        "testers: {fuji: ~}",
        "at '/testers/fuji': got null, want object",
    ),
    "nothing where a switch is": (
        "admissionPolicy: ~",
        "at '': missing property 'admissionPolicy'",
    ),
    "the pod's name as a variable": (
        "defaults: {monitor: {env: {POD_NAME: x}}}",
        "testers.fuji.monitor.env: POD_NAME is set by the chart: remove it",
    ),
    "an access mode of many": (
        "defaults: {storage: {accessMode: ReadWriteMany}}",
        "at '/defaults/storage/accessMode': value must be one of 'ReadWriteOncePod', 'ReadWriteOnce'",
    ),
    "no image of the monitor": (
        "testers: {fuji: {monitor: {image: {repository: ''}}}}",
        "testers.fuji.monitor.image.repository is not set: set it to the repository of the image, without a tag",
    ),
    "a tag in the repository": (
        "defaults: {image: {repository: 'host:5000/node:latest'}}",
        f'testers.fuji.image.repository is "host:5000/node:latest": {_REPOSITORY}',
    ),
    "a digest in the tag": (
        "defaults: {image: {tag: 'latest@sha256:0123'}}",
        'testers.fuji.image.tag is "latest@sha256:0123": it must be only a tag, such as latest',
    ),
    "a tag that YAML takes for a number": (
        "defaults: {image: {tag: 1.14}}",
        "at '/defaults/image/tag': got number, want string",
    ),
    "tag and digest": (
        f"defaults: {{monitor: {{image: {{tag: v1, digest: 'sha256:{'0' * 64}'}}}}}}",
        "testers.fuji.monitor.image has a tag and a digest: remove one of them",
    ),
    "half a digest": (
        "defaults: {monitor: {image: {digest: 'sha256:0123'}}}",
        'testers.fuji.monitor.image.digest is "sha256:0123": it must be sha256: followed by 64 hexadecimal digits',
    ),
    "the network as a variable": (
        "defaults: {node: {env: {AVAGO_NETWORK_ID: mainnet}}}",
        "testers.fuji.node.env: AVAGO_NETWORK_ID is set by network: remove it",
    ),
    "the mode as an argument": (
        "defaults: {node: {args: [--partial-sync-primary-network=true]}}",
        "testers.fuji.node.args: --partial-sync-primary-network=true is set by syncMode: remove it",
    ),
    "the mode in the C-Chain's configuration": (
        "defaults: {node: {cChainConfig: {state-sync-enabled: false}}}",
        "testers.fuji.node.cChainConfig: state-sync-enabled is set by syncMode: remove it",
    ),
    "variables as a list": (
        "defaults: {node: {env: [{name: A, value: B}]}}",
        "at '/defaults/node/env': got array, want object",
    ),
    "a switch that is a text": (
        'defaults: {nativeSidecar: "no"}',
        "at '/defaults/nativeSidecar': got string, want boolean",
    ),
    "a pull secret by its bare name": (
        "defaults: {imagePullSecrets: [login]}",
        "at '/defaults/imagePullSecrets/0': got string, want object",
    ),
    "root": (
        "defaults: {securityContext: {runAsUser: 0}}",
        "at '/defaults/securityContext/runAsUser': minimum: got 0, want 1",
    ),
    "testers as a list": (
        "testers: [{network: fuji}]",
        "at '/testers': got array, want object",
    ),
    "another label where the chart's is": (
        "defaults: {podLabels: {app.kubernetes.io/name: node}}",
        "testers.fuji.podLabels: app.kubernetes.io/name is set by the chart to select the pod: remove it",
    ),
    "the monitor's annotation": (
        "defaults: {podAnnotations: {avalanche.avax.network/avalanchego-versions: ''}}",
        "testers.fuji.podAnnotations: avalanche.avax.network/avalanchego-versions is set by the monitor: remove it",
    ),
    "a link without its scheme": (
        "prometheusRule: {runbooks: wiki.corp/runbooks}",
        "at '/prometheusRule/runbooks': 'wiki.corp/runbooks' does not match pattern '^(https?://[^\\\\s\"]+)?$'",
    ),
    "a stall that fails before it is shown": (
        "defaults: {monitor: {settings: {stallTimeout: 20m, stallWarning: 1h30m}}}",
        f'{_STALL_TIMEOUT} is "20m": it must not be shorter than stallWarning, which is "1h30m"',
    ),
    "a stall that fails before the default warning": (
        "testers: {fuji: {monitor: {settings: {stallTimeout: 29m59.9s}}}}",
        f'{_STALL_TIMEOUT} is "29m59.9s": it must not be shorter than stallWarning, which is "30m"',
    ),
    "a warning after the default stall": (
        "testers: {fuji: {monitor: {settings: {stallWarning: 1d}}}}",
        f'{_STALL_TIMEOUT} is "12h": it must not be shorter than stallWarning, which is "1d"',
    ),
    "a node without a scheme": (
        "defaults: {monitor: {settings: {nodeUrl: '127.0.0.1:9650'}}}",
        'testers.fuji.monitor.settings.nodeUrl is "127.0.0.1:9650": it must be http://HOST:PORT',
    ),
    "a node by HTTPS": (
        "defaults: {monitor: {settings: {nodeUrl: 'https://127.0.0.1:9650'}}}",
        'testers.fuji.monitor.settings.nodeUrl is "https://127.0.0.1:9650": it must be http://HOST:PORT',
    ),
    "a token service with a scheme": (
        "defaults: {monitor: {settings: {registryAuthHost: 'https://auth.example'}}}",
        f'testers.fuji.monitor.settings.registryAuthHost is "https://auth.example": {_HOST}',
    ),
    "two authorities": (
        "defaults: {monitor: {registry: {caConfigMap: a, caSecret: b}}}",
        "testers.fuji.monitor.registry has a caConfigMap and a caSecret: remove one of them",
    ),
    "a storage class in words": (
        "defaults: {storage: {className: Fast SSD}}",
        'testers.fuji.storage.className is "Fast SSD": it must be the name of a StorageClass: kubectl get storageclass',
    ),
    "a storage class as an object": (
        "defaults: {storage: {className: {name: fast}}}",
        "at '/defaults/storage/className': got object, want null or string",
    ),
    "a storage class as a number": (
        "testers: {fuji: {storage: {className: 5}}}",
        "at '/testers/fuji/storage/className': got number, want null or string",
    ),
    "the storage class by the name that Kubernetes has": (
        "defaults: {storage: {storageClassName: fast}}",
        "at '/defaults/storage': additional properties 'storageClassName' not allowed",
    ),
    "a word that adopts nothing": (
        "defaults: {monitor: {settings: {adopt: 'yes'}}}",
        'testers.fuji.monitor.settings.adopt is "yes": it must be keep, or clear:TOKEN with the token from the error',
    ),
}


def _laid_over(base: Any, over: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(over, dict):
        return copy.deepcopy(over)
    merged = base | {name: _laid_over(base.get(name), value) for name, value in over.items()}
    return {name: value for name, value in merged.items() if value != "REMOVED"}


def test_without_the_mistakes_it_is_rendered(helm4: Helm, tmp_path: Path) -> None:
    assert helm4.render(written(tmp_path, yaml.safe_load(_RIGHT)))


@pytest.mark.parametrize(("change", "sentence"), _MISTAKES.values(), ids=_MISTAKES.keys())
def test_a_mistake_is_reported_in_one_sentence(
    helm4: Helm, tmp_path: Path, change: str, sentence: str
) -> None:
    values = _laid_over(yaml.safe_load(_RIGHT), yaml.safe_load(change))
    with pytest.raises(RefusedError) as refused:
        helm4.render(written(tmp_path, values))
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            "defaults: {monitor: {settings: {stallTimeout: 1h30m, stallWarning: 90m}}}", id="equal stalls"
        ),
        pytest.param("defaults: {monitor: {settings: {stallTimeout: 1.5d, stallWarning: 36h}}}", id="days"),
        pytest.param(
            "defaults: {monitor: {settings: {stallTimeout: 2s, stallWarning: 1500ms}}}", id="milliseconds"
        ),
        pytest.param(
            "defaults: {monitor: {settings: {stallWarning: ~, stallTimeout: 30m}}}", id="no warning"
        ),
        pytest.param("defaults: {monitor: {settings: {nodeUrl: 'http://[::1]:9650'}}}", id="IPv6"),
        pytest.param("defaults: {monitor: {settings: {registryAuthHost: 'auth.example:8443'}}}", id="a port"),
        pytest.param("defaults: {storage: {className: managed-csi.premium}}", id="a storage class"),
        pytest.param("defaults: {storage: {className: ''}}", id="no storage class"),
        pytest.param("defaults: {storage: {className: ~}}", id="the default storage class"),
    ],
)
def test_what_the_monitor_accepts_is_rendered(helm4: Helm, tmp_path: Path, change: str) -> None:
    values = _laid_over(yaml.safe_load(_RIGHT), yaml.safe_load(change))

    assert helm4.render(written(tmp_path, values))


def test_a_cluster_without_native_sidecars_is_named(helm4: Helm, tmp_path: Path) -> None:
    with pytest.raises(
        RefusedError,
        match=r"Kubernetes v1\.28\.0 does not support native sidecars: set nativeSidecar to false",
    ):
        helm4.render(written(tmp_path, yaml.safe_load(_RIGHT)), kubernetes="1.28")
