// Registers instances as programs of etcd's Go client do, and prints what it reads: what
// recorded.json has was written and read by it, beside an instance registered by fairlead. CI needs
// no Go. On Debian trixie, with golang-go and golang-etcd-server-dev installed:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode CGO_ENABLED=0 go build -o naming .
//
//	naming ADDRESS put SERVICE     three endpoints: bare, with text, with an object as metadata
//	naming ADDRESS list SERVICE    what it reads, one JSON line
//	naming ADDRESS grpc SERVICE    what the resolver of grpc-go makes of it
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/naming/endpoints"
	etcdresolver "go.etcd.io/etcd/client/v3/naming/resolver"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type heard struct{ resolver.ClientConn }

func (heard) UpdateState(state resolver.State) error {
	addresses := []string{}
	for _, endpoint := range state.Endpoints {
		for _, address := range endpoint.Addresses {
			addresses = append(addresses, address.Addr)
		}
	}
	if len(addresses) == 0 {
		for _, address := range state.Addresses {
			addresses = append(addresses, address.Addr)
		}
	}
	sort.Strings(addresses)
	show(addresses)
	return nil
}
func (heard) ReportError(err error)                                   { fmt.Fprintln(os.Stderr, err) }
func (heard) ParseServiceConfig(string) *serviceconfig.ParseResult   { return nil }
func (heard) NewAddress([]resolver.Address)                           {}

func show(value any) {
	text, err := json.Marshal(value)
	check(err)
	fmt.Println(string(text))
}

func main() {
	address, what, service := os.Args[1], os.Args[2], os.Args[3]
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{address}, DialTimeout: 5 * time.Second})
	check(err)
	defer client.Close()
	ctx := context.Background()
	manager, err := endpoints.NewManager(client, service)
	check(err)
	switch what {
	case "put":
		lease, err := client.Grant(ctx, 60)
		check(err)
		with := clientv3.WithLease(lease.ID)
		check(manager.AddEndpoint(ctx, service+"/bare", endpoints.Endpoint{Addr: "127.0.0.1:5001"}, with))
		check(manager.AddEndpoint(ctx, service+"/text", endpoints.Endpoint{Addr: "[::1]:5002", Metadata: "v1 <a&b>"}, with))
		check(manager.AddEndpoint(ctx, service+"/object", endpoints.Endpoint{Addr: "host.example:5003", Metadata: map[string]any{"weight": 3, "zone": "z1", "tags": []string{"v2"}, "other": true}}, with))
	case "list":
		list, err := manager.List(ctx)
		check(err)
		show(list)
	case "grpc":
		builder, err := etcdresolver.NewBuilder(client)
		check(err)
		target := resolver.Target{}
		target.URL.Scheme = "etcd"
		target.URL.Path = "/" + service
		built, err := builder.Build(target, heard{}, resolver.BuildOptions{})
		check(err)
		time.Sleep(2 * time.Second)
		built.Close()
	}
}
