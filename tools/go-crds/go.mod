// Where the CRDs stand that rollout gates and alert rules are validated against, pinned. Nothing here is built.
module istio-nats/tools/crds

go 1.26.0

require (
	github.com/argoproj/argo-rollouts v1.10.1
	github.com/fluxcd/flagger v1.36.1
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
