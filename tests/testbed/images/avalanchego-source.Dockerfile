# The node that other nodes bootstrap from; the image contains the whole history of its network.
ARG NODE_IMAGE
FROM ${NODE_IMAGE}
COPY --chmod=755 hold-or-run /
COPY history /history
CMD ["/hold-or-run"]
