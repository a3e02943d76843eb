#!/usr/bin/env bash
# The seed's documentation by hand, on a site that is converged: what a careful person types, without the pauses.
# GIT_URL, CERTIFICATE, SECRETS, KUBECONFIG and PATH come from bench/bed.py.
set -euo pipefail
work=$(mktemp -d)
forward=
trap 'test -z "$forward" || kill "$forward" 2>/dev/null; rm -rf "$work"' EXIT

git clone --quiet "$GIT_URL" "$work/site"
cd "$work/site"

# 1 · GPU enablement
kubectl get nodes -o wide >/dev/null
kubectl describe node gpu-1 >/dev/null
kubectl apply --dry-run=server -f applications/vllm/gpu-test.yml >/dev/null

# 2 · RuntimeClass
kubectl apply --dry-run=server -f k8s/manifests/runtimeclass-nvidia.yaml >/dev/null
kubectl get runtimeclass nvidia >/dev/null
kubectl wait -n argocd application/runtime-class --for=jsonpath='{.status.sync.status}'=Synced --timeout=60s >/dev/null

# 3 · Sealed secrets
for name in hf-secret vllm-secret; do
  kubeseal --cert "$CERTIFICATE" --format yaml <"$SECRETS/$name.yaml" >"$work/$name.yaml"
  kubectl apply --dry-run=server -f "$work/$name.yaml" >/dev/null
done
git fetch --quiet && git status --porcelain >/dev/null

# 4 · Application
helm dependency build applications/vllm >/dev/null 2>&1
helm template vllm applications/vllm --namespace vllm >"$work/rendered.yaml"
kubectl apply --dry-run=server -n vllm -f "$work/rendered.yaml" >/dev/null 2>&1
git push --quiet origin HEAD
kubectl get -n argocd application vllm -o yaml >/dev/null
kubectl wait -n argocd application/vllm --for=jsonpath='{.status.health.status}'=Healthy --timeout=60s >/dev/null

# 5 · Verification
kubectl get pods -n vllm >/dev/null
kubectl get svc -n vllm >/dev/null
kubectl get secret -n vllm >/dev/null
kubectl wait -n vllm pod --all --for=condition=Ready --timeout=60s >/dev/null
key=$(kubectl get secret -n vllm vllm-secret -o jsonpath='{.data.KEY}' | base64 -d)
kubectl port-forward -n vllm svc/vllm-router-service :80 >"$work/forward" 2>&1 &
forward=$!
until port=$(grep -oPm1 '127\.0\.0\.1:\K[0-9]+' "$work/forward"); do sleep 0.02; done
ask() {
  curl --fail --silent --show-error -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
    "http://127.0.0.1:$port$1" -d "$2" >/dev/null
}
models=$(curl --fail --silent "http://127.0.0.1:$port/v1/models" | grep -oP '"id": ?"\K[^"]+')
test -n "$models"
ask /v1/chat/completions "{\"model\":\"$(grep -iv e5 <<<"$models" | head -1)\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"max_tokens\":32}"
ask /v1/embeddings "{\"model\":\"$(grep -i e5 <<<"$models" | head -1)\",\"input\":\"Hi\"}"
