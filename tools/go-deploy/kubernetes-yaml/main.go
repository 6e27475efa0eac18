// Command kubernetes-yaml reads a JSON list of YAML documents from stdin. It writes a list of how sigs.k8s.io/yaml, the
// reader of kubectl and Helm, reads them: {"value": …}, or {"error": …} for a document that it refuses.
package main

import (
	"encoding/json"
	"log"
	"os"

	"sigs.k8s.io/yaml"
)

type reading struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

func read(document string) reading {
	value, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		return reading{Error: err.Error()}
	}
	return reading{Value: value}
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("kubernetes-yaml: ")
	var documents []string
	if err := json.NewDecoder(os.Stdin).Decode(&documents); err != nil {
		log.Fatal(err)
	}
	readings := make([]reading, len(documents))
	for i, document := range documents {
		readings[i] = read(document)
	}
	if err := json.NewEncoder(os.Stdout).Encode(readings); err != nil {
		log.Fatal(err)
	}
}
