# The simulated node in place of the real one.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
WORKDIR /avalanchego/build
COPY --chmod=755 simulated_node.py ./avalanchego
ARG COMMIT
ENV SIMULATE_COMMIT=${COMMIT}
CMD ["./avalanchego"]
