// Orders a run from an mrpo service, follows it to its end and downloads the adapter.
//
//	go generate && go mod tidy
//	go run . -order order.json -out adapter
//
// order.json is a CreateRunRequest in JSON:
//
//	{"run_id": "nightly-7", "spec": {"policy": {"model": "models/base"}, "data": {"train": {"path": "pairs.jsonl"}}}}
//
// With an id of the caller's own, the same order may be sent again: it is the same run.
package main

//go:generate protoc -I ../../proto --go_out=. --go_opt=module=mrpo.local/go,Mmrpo/runs/v1/runs.proto=mrpo.local/go/runspb,Mmrpo/runs/v1/spec.proto=mrpo.local/go/runspb --go-grpc_out=. --go-grpc_opt=module=mrpo.local/go,Mmrpo/runs/v1/runs.proto=mrpo.local/go/runspb,Mmrpo/runs/v1/spec.proto=mrpo.local/go/runspb mrpo/runs/v1/runs.proto mrpo/runs/v1/spec.proto

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"mrpo.local/go/runspb"
)

func main() {
	address := flag.String("address", "127.0.0.1:50060", "host:port of the service")
	ca := flag.String("ca", "", "PEM file of the authority that signed its certificate; default: no TLS")
	order := flag.String("order", "order.json", "file with a CreateRunRequest in JSON")
	out := flag.String("out", "adapter", "folder for the adapter")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := fineTune(ctx, *address, *ca, *order, *out); err != nil {
		log.Fatal(explain(err))
	}
}

func fineTune(ctx context.Context, address, ca, order, out string) error {
	conn, err := dial(address, ca, os.Getenv("MRPO_SERVICE_TOKEN"))
	if err != nil {
		return err
	}
	defer conn.Close()
	runs := runspb.NewRunServiceClient(conn)

	request, err := readOrder(order)
	if err != nil {
		return err
	}
	created, err := runs.CreateRun(ctx, request)
	if err != nil {
		return err
	}
	id := created.GetRun().GetId()
	for _, warning := range created.GetWarnings() {
		log.Printf("warning: %s", warning)
	}
	log.Printf("%s is ordered", id)
	state, err := watch(ctx, runs, id)
	if err != nil {
		return err
	}
	if state != runspb.RunState_RUN_STATE_SUCCEEDED {
		return fmt.Errorf("%s ended as %s", id, state)
	}
	return download(ctx, runs, id, out)
}

func dial(address, ca, token string) (*grpc.ClientConn, error) {
	options := []grpc.DialOption{grpc.WithInsecure()}
	if ca != "" {
		tls, err := credentials.NewClientTLSFromFile(ca, "")
		if err != nil {
			return nil, err
		}
		options = []grpc.DialOption{grpc.WithTransportCredentials(tls)}
	}
	if token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer{token: token, secure: ca != ""}))
	}
	return grpc.Dial(address, options...)
}

// bearer is a token that goes with every call.
type bearer struct {
	token  string
	secure bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

func (b bearer) RequireTransportSecurity() bool { return b.secure }

func readOrder(path string) (*runspb.CreateRunRequest, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	request := &runspb.CreateRunRequest{}
	if err := protojson.Unmarshal(text, request); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if request.GetRunId() == "" {
		return nil, errors.New(path + `: expected a "run_id", so that the order can be sent again`)
	}
	return request, nil
}

// explain adds what the service says of a refused call: the reason, the fields it refuses, and what to do.
func explain(err error) string {
	text := err.Error()
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			text += fmt.Sprintf("\n%s %s", detail.GetReason(), detail.GetMetadata()["hint"])
		case *errdetails.BadRequest:
			for _, field := range detail.GetFieldViolations() {
				text += fmt.Sprintf("\n  %s: %s", field.GetField(), field.GetDescription())
			}
		}
	}
	return text
}
