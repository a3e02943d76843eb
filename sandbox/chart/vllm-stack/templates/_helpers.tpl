{{/* Differences between chart versions, decided by the packaged version. Call with the root context; "true" or "". */}}
{{- define "stack.since" -}}
{{- if semverCompare (printf ">=%s" (index . 1)) (index . 0).Chart.Version }}true{{ end -}}
{{- end -}}

{{/* The standard labels that came with 0.1.10, in selectors too: (list root component) */}}
{{- define "stack.standard" -}}
{{- $root := index . 0 -}}
{{- if include "stack.since" (list $root "0.1.10") }}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/part-of: {{ $root.Chart.Name }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end }}
{{- end -}}

{{/* Labels and selector of an engine: (list root model) */}}
{{- define "stack.engineLabels" -}}
{{- $root := index . 0 -}}
model: {{ (index . 1).name | quote }}
helm-release-name: {{ $root.Release.Name | quote }}
{{- range $key, $value := $root.Values.servingEngineSpec.labels }}
{{ $key }}: {{ $value | quote }}
{{- end }}
{{- include "stack.standard" (list $root "serving-engine") }}
{{- end -}}

{{/* Labels and selector of the router */}}
{{- define "stack.routerLabels" -}}
{{- range $key, $value := .Values.routerSpec.labels }}
{{ $key }}: {{ $value | quote }}
{{- end }}
{{- include "stack.standard" (list . "router") }}
{{- end -}}

{{/* VLLM_API_KEY: (list root key). Up to 0.1.10 a key without secretKey yields an invalid manifest, later an open API */}}
{{- define "stack.apiKey" -}}
{{- $root := index . 0 -}}{{- $key := index . 1 -}}
{{- if kindIs "string" $key }}
{{- if $key }}
- name: VLLM_API_KEY
  valueFrom: {secretKeyRef: {name: {{ $root.Release.Name }}-secrets, key: vllmApiKey}}
{{- end }}
{{- else if kindIs "map" $key }}
{{- $complete := and (get $key "secretName") (get $key "secretKey") -}}
{{- if or $complete (and (get $key "secretName") (not (include "stack.since" (list $root "0.1.11")))) }}
- name: VLLM_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ get $key "secretName" }}
      key: {{ get $key "secretKey" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Node affinity from nodeSelectorTerms, unless affinity or nodeName is given */}}
{{- define "stack.affinity" -}}
{{- if .affinity }}
affinity: {{- toYaml .affinity | nindent 2 }}
{{- else if and .nodeSelectorTerms (not .nodeName) }}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms: {{- toYaml .nodeSelectorTerms | nindent 8 }}
{{- end }}
{{- end -}}

{{/* Requests and limits of an engine: (list root model) */}}
{{- define "stack.engineResources" -}}
{{- $root := index . 0 -}}{{- $m := index . 1 -}}
{{- if and $m.resources (include "stack.since" (list $root "0.1.9")) }}
{{- toYaml $m.resources }}
{{- else }}
{{- $gpu := int $m.requestGPU -}}
{{- $type := default "nvidia.com/gpu" $m.requestGPUType -}}
requests:
  cpu: {{ required "requestCPU is required" $m.requestCPU | quote }}
  memory: {{ required "requestMemory is required" $m.requestMemory | quote }}
  {{- if gt $gpu 0 }}
  {{ $type }}: {{ $gpu | quote }}
  {{- end }}
limits:
  {{- with $m.limitCPU }}
  cpu: {{ . | quote }}
  {{- end }}
  {{- with $m.limitMemory }}
  memory: {{ . | quote }}
  {{- end }}
  {{- if gt $gpu 0 }}
  {{ $type }}: {{ $gpu | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Arguments of `vllm serve`, in the order of the real chart: (list root model) */}}
{{- define "stack.engineArgs" -}}
{{- $root := index . 0 -}}{{- $m := index . 1 -}}
- {{ $m.modelURL | quote }}
- "--host"
- "0.0.0.0"
- "--port"
- {{ $root.Values.servingEngineSpec.containerPort | quote }}
{{- if $m.enableLoRA }}
- "--enable-lora"
{{- end }}
{{- if $m.enableTool }}
- "--enable-auto-tool-choice"
{{- end }}
{{- with $m.toolCallParser }}
- "--tool-call-parser"
- {{ . | quote }}
{{- end }}
{{- with $m.vllmConfig }}
{{- if hasKey . "enableChunkedPrefill" }}
- {{ ternary "--enable-chunked-prefill" "--no-enable-chunked-prefill" .enableChunkedPrefill | quote }}
{{- end }}
- {{ ternary "--enable-prefix-caching" "--no-enable-prefix-caching" (default false .enablePrefixCaching) | quote }}
{{- range $flag, $value := dict "a --max-model-len" .maxModelLen "b --dtype" .dtype "c --tensor-parallel-size" .tensorParallelSize "d --max-num-seqs" .maxNumSeqs "e --gpu_memory_utilization" .gpuMemoryUtilization "f --max_loras" .maxLoras }}
{{- if $value }}
- {{ (splitList " " $flag) | last | quote }}
- {{ $value | quote }}
{{- end }}
{{- end }}
{{- if include "stack.since" (list $root "0.1.9") }}
{{- with .runner }}
- "--runner"
- {{ . | quote }}
{{- end }}
{{- with .convert }}
- "--convert"
- {{ . | quote }}
{{- end }}
{{- end }}
{{- range .extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}
{{- if and $m.modelRevision (include "stack.since" (list $root "0.1.12")) }}
- "--revision"
- {{ $m.modelRevision | quote }}
{{- end }}
{{- if (default dict $m.lmcacheConfig).enabled }}
- "--kv-transfer-config"
- {{ printf "{\"kv_connector\":\"LMCacheConnectorV1\",\"kv_role\":\"%s\"}" (default "kv_both" $m.lmcacheConfig.kvRole) | quote }}
{{- end }}
{{- with $m.chatTemplate }}
- "--chat-template"
- {{ printf "/templates/%s" . | quote }}
{{- end }}
{{- end -}}

{{/* A probe of the router: 0.1.8 copies four fields only, 0.1.11 everything: (list root probe port) */}}
{{- define "stack.routerProbe" -}}
{{- $probe := index . 1 -}}
{{- if include "stack.since" (list (index . 0) "0.1.11") }}
{{- toYaml (omit $probe "httpGet") }}
{{- else }}
{{- toYaml (pick $probe "initialDelaySeconds" "periodSeconds" "failureThreshold") }}
{{- end }}
httpGet:
  path: {{ $probe.httpGet.path }}
  port: {{ index . 2 }}
{{- end -}}
