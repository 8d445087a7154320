# A kind node image, from Debian's packages and the files of images/base in kind's Go module.
FROM node-root:1
SHELL ["/bin/bash", "-euc"]
COPY kind-files/ /
RUN rm -f /usr/lib/systemd/system/{multi-user,local-fs,basic}.target.wants/* /etc/systemd/system/*.wants/* \
      /usr/lib/systemd/system/sockets.target.wants/*{udev,initctl}* \
      /usr/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service /etc/cni/net.d/* \
 && echo ReadKMsg=no >> /etc/systemd/journald.conf \
 && ln -sf /usr/lib/systemd/systemd /sbin/init \
 && systemctl enable kubelet.service containerd.service undo-mount-hacks.service \
 && systemctl mask systemd-binfmt.service \
 && mkdir -p /opt/cni/bin /etc/kubernetes/manifests
# kind expects these in other folders than Debian.
RUN ln -sf /usr/bin/{containerd,ctr,containerd-shim-runc-v2} /usr/local/bin/ \
 && ln -sf /usr/sbin/runc /usr/local/sbin/ \
 && ln -sf /usr/lib/cni/{bridge,host-local,loopback,ptp,portmap} /opt/cni/bin/
# Root may lack CAP_SYS_RESOURCE, and Debian's containerd reads certs.d only if told so.
ARG PAUSE_IMAGE
RUN sed -i -e 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' -e "s#sandbox_image = .*#sandbox_image = \"$PAUSE_IMAGE\"#" \
      -e '/proxy_plugins/d' -e '/type = "snapshot"/d' -e '/fuse-overlayfs/d' /etc/containerd/config.toml \
 && printf '[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"\n' >> /etc/containerd/config.toml \
 && ctr oci spec | jq '.hooks.createContainer = [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
      > /etc/containerd/cri-base.json
COPY node/ /
COPY kubelet kubectl kubeadm /usr/bin/
ENV container=docker
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]
