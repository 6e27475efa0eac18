{{/* What the schema cannot check, because it concerns two values. These checks run before anything is rendered. */}}
{{- define "istio-nats.check" -}}
{{- if eq (toString .Values.enabled) "false" -}}
{{- fail "enabled is false, but only the `condition` of a parent chart reads it: name enabled there, or leave this chart out" -}}
{{- end -}}
{{- $identity := dict "sidecar" "PEER" "egress" "PEER" "waypoint" "WAYPOINT" "client" "WORKLOAD" -}}
{{- $wanted := get $identity .Values.form -}}
{{- $has := .Values.policy.identity | default "PEER" -}}
{{- if ne $has $wanted -}}
{{- fail (printf "policy.identity is %s, but form: %s needs %s: the filter would look for the client's identity in the wrong place" $has .Values.form $wanted) -}}
{{- end -}}
{{- $named := list -}}
{{- range .Values.ports }}{{ $named = append $named (int .) }}{{ end -}}
{{- $serves := "" -}}
{{- if eq .Values.form "egress" -}}
{{- $serves = printf "the Gateway %s-egress" (include "istio-nats.egress-name" .) -}}
{{- else if and .Values.broker.service.create (ne .Values.form "client") -}}
{{- $serves = printf "the Service %s of broker.service" .Values.broker.service.name -}}
{{- end -}}
{{- if and $serves (not (has 4222 $named)) -}}
{{- fail (printf "ports lacks 4222, on which %s accepts clients: the filter would judge nobody there. Add 4222 to ports" $serves) -}}
{{- end -}}
{{- if has .Values.form (list "sidecar" "waypoint") -}}
{{- range list "6222 routes" "7222 gateways" "7422 leaf nodes" "8222 monitoring" -}}
{{- $other := splitn " " 2 . -}}
{{- if has (int $other._0) $named -}}
{{- fail (printf "ports names %s, on which nats-server accepts %s: the filter would close connections that it cannot read, and no AuthorizationPolicy would restrict the port" $other._0 $other._1) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.form "waypoint") .Values.waypoint.onlyThrough.create .Values.broker.otherPorts.create (eq (include "istio-nats.only-through" .) .Values.broker.otherPorts.name) -}}
{{- fail (printf "waypoint.onlyThrough and broker.otherPorts have the same name, %s: one policy would take the other's place" .Values.broker.otherPorts.name) -}}
{{- end -}}
{{- if and (eq .Values.form "waypoint") .Values.waypoint.create .Values.waypoint.principal -}}
{{- $own := printf "/ns/%s/sa/%s" .Release.Namespace .Values.waypoint.name -}}
{{- if not (hasSuffix $own .Values.waypoint.principal) -}}
{{- fail (printf "waypoint.principal is %s, but the waypoint that waypoint.create makes is …%s: nobody would reach nats-server. Leave it empty, or use waypoint.create: false for a waypoint of another service account" .Values.waypoint.principal $own) -}}
{{- end -}}
{{- end -}}
{{- range .Values.broker.otherPorts.extra -}}
{{- if has (int .port) $named -}}
{{- fail (printf "broker.otherPorts.extra names port %d, which is already named: each entry denies everybody whom it does not name" (int .port)) -}}
{{- end -}}
{{- $named = append $named (int .port) -}}
{{- end -}}
{{- if and (eq .Values.form "egress") (not .Values.egress.host) -}}
{{- fail "egress.host is empty: write the host name of the NATS outside the mesh" -}}
{{- end -}}
{{- if eq .Values.form "egress" -}}
{{- $gateway := include "istio-nats.gateway" . -}}
{{- $here := printf ".%s.svc." .Release.Namespace -}}
{{- if and (contains "." $gateway) (not (regexMatch (printf "^[^.]+%s." (regexQuoteMeta $here)) $gateway)) -}}
{{- fail (printf "egress.gateway is %s, but the filter is for a gateway in the release's namespace: install the chart there, or write NAME%sDOMAIN. Elsewhere no filter would judge what goes out, and clients would not find the gateway" $gateway $here) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.form "sidecar") (or .Values.broker.service.create .Values.broker.peerAuthentication.create .Values.broker.otherPorts.create) -}}
{{- $broker := include "istio-nats.broker-selector" . | fromYaml -}}
{{- range $label, $value := .Values.selector -}}
{{- if and (hasKey $broker $label) (ne $value (get $broker $label)) -}}
{{- fail (printf "selector has %s: %s, but the objects of broker are for pods with %s: %s: the filter would be elsewhere, or nats-server's other ports open. Write the labels of nats-server's pods as broker.selector" $label $value $label (get $broker $label)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.form "client") (not .Values.selector) -}}
{{- fail "selector is empty, but form: client needs the labels of the clients' pods: without labels the filter would be in every proxy of the namespace" -}}
{{- end -}}
{{- end -}}

{{/* Defaults by form. They are not in values.yaml, because Helm would merge those labels with the user's. */}}
{{- define "istio-nats.broker-selector" -}}
{{- .Values.broker.selector | default (dict "app.kubernetes.io/name" "nats") | toYaml -}}
{{- end -}}

{{- define "istio-nats.selector" -}}
{{- if .Values.selector -}}
{{- toYaml .Values.selector -}}
{{- else if eq .Values.form "egress" -}}
istio: egressgateway
{{- else -}}
{{- include "istio-nats.broker-selector" . -}}
{{- end -}}
{{- end -}}

{{/* Defaults here as well, because `helm upgrade --reuse-values` after an older chart lacks newer values. */}}
{{- define "istio-nats.only-through" -}}
{{- .Values.waypoint.onlyThrough.name | default "nats-only-through-waypoint" -}}
{{- end -}}

{{- define "istio-nats.egress-name" -}}
{{- .Values.egress.name | default "nats" -}}
{{- end -}}

{{/* The waypoint's namespace if that is not the release's, else nothing. */}}
{{- define "istio-nats.waypoint-elsewhere" -}}
{{- if eq .Values.form "waypoint" -}}
{{- with .Values.waypoint.principal -}}
{{- $namespace := index (splitList "/" .) 2 -}}
{{- if ne $namespace $.Release.Namespace }}{{ $namespace }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "istio-nats.gateway" -}}
{{- .Values.egress.gateway | default (printf "istio-egressgateway.%s.svc.cluster.local" .Release.Namespace) -}}
{{- end -}}

{{/* The side of the connection that the filter is on: Istio treats a gateway as a client and a waypoint as a server. */}}
{{- define "istio-nats.side" -}}
{{- if or (eq .Values.form "egress") (eq .Values.form "client") -}}CLIENT{{- else -}}SERVER{{- end -}}
{{- end -}}

{{/* The labels of the filter's stats, which Istio's proxy must know when it starts: deploy/stats-tags.yaml. */}}
{{- define "istio-nats.stats-tags" -}}
reporter,source_principal,source_workload_namespace,destination_workload,destination_workload_namespace,operation,subject,verdict,reason,rule,kind,policy,mode,version
{{- end -}}

{{/* On a gateway the filter's own default, which is for a place beside nats-server, would lead clients past it. */}}
{{- define "istio-nats.policy" -}}
{{- if and (eq .Values.form "egress") (not (hasKey .Values.policy "connectUrls")) -}}
{{- merge (dict "connectUrls" "REMOVE") .Values.policy | toYaml -}}
{{- else -}}
{{- toYaml .Values.policy -}}
{{- end -}}
{{- end -}}

{{/* The fields that a WasmPlugin has in its spec and a TrafficExtension under wasm. */}}
{{- define "istio-nats.wasm" -}}
type: NETWORK
url: oci://{{ .Values.image.repository }}@{{ .Values.image.digest }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.image.pullSecret }}
imagePullSecret: {{ . | quote }}
{{- end }}
failStrategy: {{ .Values.failStrategy }}
pluginName: istio-nats
pluginConfig:
  {{- include "istio-nats.policy" . | nindent 2 }}
{{- end -}}
