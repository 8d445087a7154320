# The simulated node in place of the real one; the build context is the folder simulated_node.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
WORKDIR /avalanchego/build
COPY . ./simulated_node
ARG COMMIT
RUN python3 -B -m simulated_node --write-build=avalanchego --simulate-commit=${COMMIT}
CMD ["./avalanchego"]
