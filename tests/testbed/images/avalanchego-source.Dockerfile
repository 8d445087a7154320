# The node that others bootstrap from, with the whole history of its network on board.
ARG NODE_IMAGE
FROM ${NODE_IMAGE}
COPY --chmod=755 hold-or-run /
COPY history /history
CMD ["/hold-or-run"]
