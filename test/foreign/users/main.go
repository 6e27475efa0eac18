// Command users prints, as JSON, where a nats-server configuration listens and the users that it has, as nats-server
// itself reads them.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/nats-io/nats-server/v2/server"
)

type user struct {
	Name        string              `json:"name"`
	Password    string              `json:"password"`
	Permissions *server.Permissions `json:"permissions"`
}

func main() {
	options, err := server.ProcessConfigFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	users := []user{}
	for _, one := range options.Users {
		users = append(users, user{one.Username, one.Password, one.Permissions})
	}
	_ = json.NewEncoder(os.Stdout).Encode(struct {
		Host  string `json:"host"`
		Port  int    `json:"port"`
		Users []user `json:"users"`
	}{options.Host, options.Port, users})
}
