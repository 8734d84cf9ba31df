#!/usr/bin/env bash
# Builds the control plane of tests and demo from the Go module proxy, once, into
# .cache/control-plane/bin: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl,
# kwok (plays nodes and pods) and helm. With KUBEBUILDER_ASSETS set, what that directory holds is
# used instead and only what it lacks is built.
#
# With a minor version, `build.sh 1.34`, it builds the Kubernetes of the module kubernetes-1.34 into
# .cache/control-plane/bin-1.34; everything else serves all versions and stays where it is.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache="$root/.cache/control-plane"
bin="$cache/bin"
kubernetes=kubernetes${1:+-$1}
kubernetes_bin="$cache/bin${1:+-$1}"
assets=${KUBEBUILDER_ASSETS:-}
if [ ! -f "$here/$kubernetes/go.mod" ]; then
    others=$(cd "$here" && echo kubernetes-* | sed 's/kubernetes-//g')
    echo "control-plane: no Kubernetes $1 here; there are: $others, and without a version the newest" >&2
    exit 2
fi

without_go() {
    cat >&2 <<EOF
control-plane: $1
The tests and the demo need a real control plane. Three ways to have one:
  1. install Go 1.26 or newer (https://go.dev/doc/install) and run this again;
  2. set KUBEBUILDER_ASSETS to a directory that holds etcd, kube-apiserver, kube-controller-manager,
     kube-scheduler, kubectl, kwok and helm;
  3. point KUBECONFIG at a cluster such as kind, and run 'readiness run --role controller' there.
EOF
    exit 3
}

# module, binary, package
targets() {
    cat <<EOF
etcd        etcd                     go.etcd.io/etcd/server/v3
$kubernetes  kube-apiserver           k8s.io/kubernetes/cmd/kube-apiserver
$kubernetes  kube-controller-manager  k8s.io/kubernetes/cmd/kube-controller-manager
$kubernetes  kube-scheduler           k8s.io/kubernetes/cmd/kube-scheduler
$kubernetes  kubectl                  k8s.io/kubernetes/cmd/kubectl
kwok        kwok                     sigs.k8s.io/kwok/cmd/kwok
helm        helm                     helm.sh/helm/v3/cmd/helm
EOF
}

# macOS has no sha256sum.
sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; }

needs_go() { command -v go >/dev/null || without_go "'$1' has to be built and Go is not installed."; }

version=$(awk '$1 == "k8s.io/kubernetes" && $2 ~ /^v[0-9]/ { print $2; exit }' "$here/$kubernetes/go.mod")
if [ -z "$version" ]; then
    echo "control-plane: $here/$kubernetes/go.mod names no version of k8s.io/kubernetes" >&2
    exit 1
fi
minor=$(cut -d. -f2 <<<"$version")
# Without these, the binaries panic at start and clients cannot parse the server's version.
package=k8s.io/component-base/version
kubernetes_flags="-X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=$minor \
-X $package.gitTreeState=clean"

mkdir -p "$bin" "$kubernetes_bin"
while read -r module binary package; do
    into="$bin"
    flags="-s -w"
    if [ "$module" = "$kubernetes" ]; then
        into="$kubernetes_bin"
        flags="$flags $kubernetes_flags"
    fi
    # Of a version that was asked for there is but one place.
    if [ "$into" = "$bin" ] && [ -n "$assets" ] && [ -x "$assets/$binary" ]; then continue; fi
    stamp="$into/.$binary.sum"
    sum=$({ cat "$here/$module/go.mod" "$here/$module/go.sum" && echo "$flags"; } | sha256)
    if [ -x "$into/$binary" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ]; then continue; fi
    needs_go "$binary"
    echo "control-plane: building $binary (the first time takes minutes)" >&2
    (cd "$here/$module" && CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags "$flags" \
        -o "$into/.$binary.new" "$package")
    mv "$into/.$binary.new" "$into/$binary"
    echo "$sum" >"$stamp"
    if [ "$binary" = kwok ]; then rm -f "$cache/kwok-stages.yaml"; fi # made anew below
done < <(targets)

# kwok does nothing without Stage definitions; its own module ships them.
stages="$cache/kwok-stages.yaml"
if [ -n "$assets" ] && [ -s "$assets/kwok-stages.yaml" ]; then
    : # taken from there, like the binaries
elif [ ! -s "$stages" ]; then
    needs_go kwok-stages.yaml
    source=$(cd "$here/kwok" && go list -mod=readonly -m -f '{{.Dir}}' sigs.k8s.io/kwok)
    if [ -z "$source" ]; then
        (cd "$here/kwok" && go mod download sigs.k8s.io/kwok)
        source=$(cd "$here/kwok" && go list -mod=readonly -m -f '{{.Dir}}' sigs.k8s.io/kwok)
    fi
    for stage in node/fast node/heartbeat pod/fast; do
        for file in "$source/kustomize/stage/$stage"/*.yaml; do
            if grep -q '^kind: Stage' "$file"; then
                cat "$file"
                echo "---"
            fi
        done
    done >"$stages.new"
    mv "$stages.new" "$stages"
fi
