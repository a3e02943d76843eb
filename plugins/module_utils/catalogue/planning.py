# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding codes: models that do not fit the GPUs (stage 1)."""

from __future__ import annotations

from ..findings import Entry, Severity

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="planning-models-empty",
        severity=Severity.FATAL,
        title="No model is asked for",
        symptom="The plan is refused before anything is written.",
        cause="vllm_models is empty, so there would be nothing to serve.",
        fix="Give vllm_models at least one entry with name and model.",
    ),
    Entry(
        code="planning-models-invalid",
        severity=Severity.FATAL,
        title="vllm_models is not a list",
        symptom="The plan is refused before anything is written.",
        cause="A mapping or a text stands where the list of models belongs.",
        fix="Write vllm_models as a YAML list, each entry starting with a dash.",
    ),
    Entry(
        code="planning-key-unknown",
        severity=Severity.FATAL,
        title="A model entry has a key that does not exist",
        symptom="The plan is refused; the message names the key and the closest known one.",
        cause="A typing error, or a key of another tool.",
        fix="Take one of the keys that the message lists; docs/models.md explains each.",
    ),
    Entry(
        code="planning-key-missing",
        severity=Severity.FATAL,
        title="A model entry lacks a key",
        symptom="The plan is refused; the message says which key.",
        cause="name, model and an image tag are always needed, role where the catalogue does not know the model.",
        fix="Add the key with a value as described in docs/models.md.",
    ),
    Entry(
        code="planning-value-invalid",
        severity=Severity.FATAL,
        title="A value is not allowed",
        symptom="The plan is refused; the message names the place and the allowed values.",
        cause="A wrong type, a number out of bounds, or a word that is not in the list.",
        fix="Set the value to one of those that the message allows.",
    ),
    Entry(
        code="planning-name-duplicate",
        severity=Severity.FATAL,
        title="Two models have the same name",
        symptom="The plan is refused.",
        cause="Deployments, Services and volumes are named after the model, so names must differ.",
        fix="Rename one of the two entries.",
    ),
    Entry(
        code="planning-model-unknown",
        severity=Severity.FATAL,
        title="A model is neither in the catalogue nor a Hub repository",
        symptom="The plan is refused; the message names the closest catalogue entry.",
        cause="A typing error in the model's name.",
        fix="Take a catalogue name, or write the Hub repository (org/name) with its spec.",
    ),
    Entry(
        code="planning-facts-missing",
        severity=Severity.FATAL,
        title="The facts of a model are not known",
        symptom="The plan is refused because no memory need can be calculated.",
        cause="The repository is not in the catalogue and the entry gives no complete spec.",
        fix="Copy the missing facts from the model's config.json into spec; docs/models.md says which line is which.",
    ),
    Entry(
        code="planning-role-unsuitable",
        severity=Severity.FATAL,
        title="A model cannot do what its role asks",
        symptom="The engine would stop at start-up: the model does not support generation.",
        cause="Encoder models make embeddings or scores, never text.",
        fix="Set role to embeddings or rerank, or take an instruct model.",
    ),
    Entry(
        code="planning-secret-in-plain-text",
        severity=Severity.FATAL,
        title="A secret stands in a model entry",
        symptom="The plan is refused and the value is not shown.",
        cause="Environment variables and engine arguments go into Git and into the pod's specification in plain text.",
        fix="Remove it; tokens and API keys belong into the sealed secrets hf-secret and vllm-secret.",
    ),
    Entry(
        code="planning-tensor-parallel-mismatch",
        severity=Severity.FATAL,
        title="Tensor parallel size and GPU count differ",
        symptom="vLLM would use fewer GPUs than it holds, or stop because it sees too few.",
        cause="gpu and vllm.tensor_parallel_size are set to different numbers.",
        fix="Leave tensor_parallel_size out: it follows gpu.",
    ),
    Entry(
        code="planning-tensor-parallel-indivisible",
        severity=Severity.FATAL,
        title="The model cannot be cut into that many parts",
        symptom="vLLM stops at start-up: a number is not divisible by the tensor parallel size.",
        cause="Attention heads and the padded vocabulary must divide evenly among the GPUs.",
        fix="Set gpu to a number that divides both, usually 1, 2, 4 or 8.",
    ),
    Entry(
        code="planning-tensor-parallel-on-parts",
        severity=Severity.FATAL,
        title="A model asks for several parts of a GPU",
        symptom="The device plugin refuses the pod, or vLLM cannot connect the parts.",
        cause="MIG slices and time-sliced or MPS shares cannot be joined by tensor parallelism.",
        fix="Ask for one larger MIG slice (gpu_resource), or set gpu to 1.",
    ),
    Entry(
        code="planning-context-too-long",
        severity=Severity.FATAL,
        title="max_model_len is larger than the model's context",
        symptom="vLLM stops at start-up: User-specified max_model_len is greater than the derived max_model_len.",
        cause="The model was not trained for that many positions.",
        fix="Lower max_model_len to the model's context, or take a model with a longer one.",
    ),
    Entry(
        code="planning-batch-too-small",
        severity=Severity.FATAL,
        title="max_num_batched_tokens is too small",
        symptom="vLLM stops at start-up and says that max_num_batched_tokens is smaller than another setting.",
        cause=(
            "Without chunked prefill a whole prompt goes into one batch, and every sequence needs at least one token."
        ),
        fix="Raise max_num_batched_tokens, or switch chunked prefill on for a generating model.",
    ),
    Entry(
        code="planning-storage-too-small",
        severity=Severity.FATAL,
        title="The volume is smaller than the model's files",
        symptom="The download stops with No space left on device, after minutes.",
        cause="storage is below the size of the files that vLLM downloads.",
        fix=(
            "Raise storage above that size with some room for the next version; growing later needs "
            "allowVolumeExpansion."
        ),
    ),
    Entry(
        code="planning-no-gpu-node",
        severity=Severity.FATAL,
        title="There is no GPU node",
        symptom="No model can be placed.",
        cause="The preflight found no node that offers a GPU resource.",
        fix="Run the preflight playbook and follow its findings until a node offers nvidia.com/gpu.",
    ),
    Entry(
        code="planning-node-unknown",
        severity=Severity.FATAL,
        title="A named node does not exist",
        symptom="No model can be placed on it.",
        cause="A typing error, a renamed or removed node, or a GPU product written where a node name belongs.",
        fix="Take a name from kubectl get nodes; a product belongs into placement.product.",
    ),
    Entry(
        code="planning-no-vgpu",
        severity=Severity.FATAL,
        title="GPU mode vgpu, but no virtual GPU",
        symptom="Every pod would stay Pending: no node matches the selector nvidia.com/vgpu.present.",
        cause="The GPUs are physical, or GPU Feature Discovery does not run.",
        fix=(
            "Set vllm_gpu_mode to bare_metal for physical GPUs; otherwise check that GPU Feature Discovery "
            "labels the nodes."
        ),
    ),
    Entry(
        code="planning-gpu-mode-unlikely",
        severity=Severity.WARNING,
        title="GPU mode bare_metal, but the GPUs are virtual",
        symptom="The pods run, but are tied to host names that change when a virtual machine is replaced.",
        cause="Nodes with vGPU are labelled nvidia.com/vgpu.present=true.",
        fix="Set vllm_gpu_mode to vgpu unless the pinning is wanted.",
    ),
    Entry(
        code="planning-selector-matches-nothing",
        severity=Severity.FATAL,
        title="A placement matches no node",
        symptom="The pod would stay Pending: no node matches its node selector.",
        cause="A label value under the wrong key, a misspelt product, or a node outside vllm_gpu_nodes.",
        fix="Correct the placement as the message hints; kubectl get nodes --show-labels lists the labels.",
    ),
    Entry(
        code="planning-expression-invalid",
        severity=Severity.FATAL,
        title="A placement expression cannot be evaluated",
        symptom="The plan is refused.",
        cause="The text is not JMESPath, or compares things that cannot be compared.",
        fix="Correct it; an example is labels.\"topology.kubernetes.io/zone\" == 'a'.",
    ),
    Entry(
        code="planning-jmespath-missing",
        severity=Severity.FATAL,
        title="The Python library jmespath is missing",
        symptom="A placement expression cannot be evaluated.",
        cause="The controller's Python environment lacks jmespath.",
        fix="Install jmespath beside ansible-core, or use placement.labels instead.",
    ),
    Entry(
        code="planning-nodes-unusable",
        severity=Severity.FATAL,
        title="The nodes of a model take no pods",
        symptom="The pod would stay Pending.",
        cause="All nodes that the placement allows are not ready or are cordoned.",
        fix="Bring a node back (kubectl describe node, kubectl uncordon), or allow another one.",
    ),
    Entry(
        code="planning-resource-missing",
        severity=Severity.FATAL,
        title="The GPU resource is not offered",
        symptom="The pod would stay Pending: Insufficient GPU resource.",
        cause="The device plugin offers another resource name (MIG, renamed time-slicing), or does not run.",
        fix="Set gpu_resource to a name that the nodes offer, or repair the device plugin.",
    ),
    Entry(
        code="planning-model-does-not-fit",
        severity=Severity.FATAL,
        title="A model does not fit on any GPU that it may use",
        symptom="The engine would stop at start-up: out of memory, or no memory for cache blocks.",
        cause="Weights, activation, overhead and the KV cache of one full-length request exceed what vLLM may reserve.",
        fix=(
            "Lower vllm.max_model_len, take a quantised or smaller model, set gpu to 2 or more, or use a "
            "larger GPU; docs/memory-fit.md has the sum."
        ),
    ),
    Entry(
        code="planning-too-many-gpus",
        severity=Severity.FATAL,
        title="No node has that many GPUs",
        symptom="The pod would stay Pending: an engine cannot span nodes here.",
        cause="gpu is larger than the GPU count of every node that fits.",
        fix="Lower gpu, take a smaller model, or add a node with more GPUs.",
    ),
    Entry(
        code="planning-main-memory-short",
        severity=Severity.FATAL,
        title="Main memory does not suffice",
        symptom="The pod would stay Pending: Insufficient memory.",
        cause="The memory requests of the models exceed what the nodes can allocate.",
        fix=(
            "Lower memory of the model (it is a request; loading needs little more than the largest file), or "
            "enlarge the node."
        ),
    ),
    Entry(
        code="planning-cpu-short",
        severity=Severity.FATAL,
        title="CPU does not suffice",
        symptom="The pod would stay Pending: Insufficient cpu.",
        cause="The CPU request of the model exceeds what any node can allocate.",
        fix="Lower cpu of the model, or enlarge the node.",
    ),
    Entry(
        code="planning-gpus-taken",
        severity=Severity.FATAL,
        title="Other workloads hold the GPUs",
        symptom="The pod would stay Pending until they end.",
        cause="Pods outside this plan have requested the GPUs.",
        fix="Find them with kubectl get pods -A -o wide on that node and remove them, or allow another node.",
    ),
    Entry(
        code="planning-gpus-short",
        severity=Severity.FATAL,
        title="More models than GPUs",
        symptom="One of the pods would stay Pending for ever: Insufficient nvidia.com/gpu.",
        cause="A GPU serves one pod unless it is cut or shared.",
        fix="Add a GPU, cut it with MIG, share it by time-slicing, or take fewer models.",
    ),
    Entry(
        code="planning-shared-gpu-overcommitted",
        severity=Severity.FATAL,
        title="Engines on one shared GPU reserve more than it has",
        symptom="The second engine stops: free memory on startup is less than desired GPU memory utilization.",
        cause=(
            "Time-slicing does not divide the memory; every engine reserves its share of the whole GPU, 0.9 by default."
        ),
        fix="Set gpu_memory_utilization of the models so that the sum stays below 1.",
    ),
    Entry(
        code="planning-fit-tight",
        severity=Severity.WARNING,
        title="A model fits with less than 1 GiB to spare",
        symptom="The engine may stop at start-up with out of memory.",
        cause="The estimate is off by up to 1.75 GiB.",
        fix="Lower vllm.max_model_len or vllm.max_num_seqs, or use a larger GPU.",
    ),
    Entry(
        code="planning-gpu-memory-unknown",
        severity=Severity.WARNING,
        title="The memory of a GPU is not known",
        symptom="Whether the model fits cannot be said beforehand.",
        cause=(
            "The node has no label nvidia.com/gpu.memory: GPU Feature Discovery does not run, or the GPU does not tell."
        ),
        fix="Enable GPU Feature Discovery, or run the preflight's smoke test.",
    ),
    Entry(
        code="planning-version-unknown",
        severity=Severity.WARNING,
        title="The image tag does not tell the vLLM version",
        symptom="The memory estimate takes the larger constants of all versions.",
        cause="The tag is latest, a digest, a date or a name of your own.",
        fix="Pin a release tag such as v0.12.0.",
    ),
    Entry(
        code="planning-replicas-share-volume",
        severity=Severity.WARNING,
        title="Replicas on several nodes share one volume",
        symptom=(
            "Replicas on the second node stay in ContainerCreating with Multi-Attach error unless the volume "
            "allows many nodes."
        ),
        cause="All replicas of a model use one PersistentVolumeClaim.",
        fix="Use a storage class with ReadWriteMany, or keep the replicas on one node.",
    ),
    Entry(
        code="planning-model-gated",
        severity=Severity.INFO,
        title="A model is gated",
        symptom="Without access the engine stops with GatedRepoError (401 or 403) during the download.",
        cause="The publisher wants its terms accepted on the Hub, by the account of the token.",
        fix="Accept the terms on the model's page with the account of the token; vllm_check_hub: true verifies it.",
    ),
    Entry(
        code="planning-start-exceeds-deadline",
        severity=Severity.WARNING,
        title="The first start takes longer than the progress deadline",
        symptom="Argo CD shows Degraded (ProgressDeadlineExceeded) although the engine may still come up.",
        cause="The chart fixes progressDeadlineSeconds at 1200; download and load need more.",
        fix="Wait for it, fill the volume beforehand, or state a faster line (vllm_download_mb_s) if it is one.",
    ),
    Entry(
        code="planning-hub-unreachable",
        severity=Severity.WARNING,
        title="Hugging Face cannot be asked",
        symptom="Access, revision and size could not be checked.",
        cause="No network path, a proxy, or an outage.",
        fix="Check the way from the controller to huggingface.co, or leave vllm_check_hub off.",
    ),
    Entry(
        code="planning-hub-token-invalid",
        severity=Severity.FATAL,
        title="Hugging Face does not know the token",
        symptom="Downloads fail with 401 Unauthorized.",
        cause="The token is mistyped, revoked or expired.",
        fix="Make a new read token on huggingface.co and seal it.",
    ),
    Entry(
        code="planning-hub-no-access",
        severity=Severity.FATAL,
        title="The token may not read a model",
        symptom="The download fails with 403 Forbidden (GatedRepoError).",
        cause=(
            "The model is gated and the token's account has not been granted access, or the token's scope is "
            "too narrow."
        ),
        fix="Accept the model's terms with that account, or widen the fine-grained token to gated repositories.",
    ),
    Entry(
        code="planning-hub-not-found",
        severity=Severity.FATAL,
        title="A repository or revision does not exist on Hugging Face",
        symptom="The download fails with 404 Not Found.",
        cause="A typing error, a renamed or deleted repository, or a private one that the token cannot see.",
        fix="Compare the name and the revision with the model's page.",
    ),
    Entry(
        code="planning-hub-size-differs",
        severity=Severity.WARNING,
        title="Recorded and published size of a model differ",
        symptom="Download time and volume size of the plan are off.",
        cause="The repository has changed, or disk_gib of the spec is wrong.",
        fix="Set spec.disk_gib to the size in the message.",
    ),
)
