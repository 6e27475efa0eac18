import { ANNOTATIONS_BYTES, appliedAnnotationsBytes, objectBytes, OBJECT_BYTES } from "../../policy/size.ts";
import { family } from "../family.ts";

export const size = family(
  "Size",
  {
    "object-too-large": {
      severity: "error",
      what:
        "The object is larger than the 1.5 MiB (1,572,864 bytes) that etcd accepts in one request. Kubernetes refuses it. In its " +
        "JSON `>`, `<` and `&` have six bytes each (`\\u003e`).",
      remedy: "write rules with wildcards and namespaces, or split the policy over several nats-server workloads",
    },
    "object-near-limit": {
      severity: "warning",
      what:
        "The object has more than three quarters of the 1.5 MiB that etcd accepts in one request, and managed fields are added " +
        "to that.",
      remedy: "write rules with wildcards and namespaces before it grows further",
    },
    "object-too-large-for-apply": {
      severity: "warning",
      what:
        "Client-side `kubectl apply` keeps a copy of the object in an annotation, and an object's annotations may have 256 KiB " +
        "(262,144 bytes) in total. The command fails for this object.",
      remedy: "use kubectl apply --server-side",
    },
  },
  ({ mesh }, report) => {
    for (const { resource } of mesh.plugins) {
      const bytes = objectBytes(resource);
      const message = `${resource.title} has ${bytes} bytes`;
      if (bytes > OBJECT_BYTES) report("object-too-large", resource.place, message);
      else if (bytes > OBJECT_BYTES * 0.75) report("object-near-limit", resource.place, message);
      const annotations = appliedAnnotationsBytes(resource);
      if (annotations > ANNOTATIONS_BYTES) {
        const copied = `client-side kubectl apply would give ${resource.title} annotations of ${annotations} bytes`;
        report("object-too-large-for-apply", resource.place, copied);
      }
    }
  },
);
