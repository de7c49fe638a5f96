package main

import (
	"context"
	"io"
	"log"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"mrpo.local/go/runspb"
)

// patience is how long a service that has gone away is waited for.
const patience = 10 * time.Minute

// watch follows a run to its end. When the service goes away, it waits and goes on behind the last event it has seen.
func watch(ctx context.Context, runs runspb.RunServiceClient, id string) (runspb.RunState, error) {
	var seen int64
	state := runspb.RunState_RUN_STATE_UNSPECIFIED
	heard := time.Now()
	for {
		stream, err := runs.WatchRun(ctx, &runspb.WatchRunRequest{RunId: id, AfterSeq: seen})
		for err == nil {
			var answer *runspb.WatchRunResponse
			if answer, err = stream.Recv(); err != nil {
				break
			}
			heard = time.Now()
			for _, event := range answer.GetEvents() {
				seen, state = event.GetSeq(), event.GetState()
				tell(event)
			}
		}
		if err == io.EOF {
			return state, nil
		}
		if status.Code(err) != codes.Unavailable || time.Since(heard) > patience {
			return state, err
		}
		select {
		case <-ctx.Done():
			return state, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func tell(event *runspb.Event) {
	switch {
	case event.GetStep() != nil:
		step := event.GetStep()
		log.Printf("step %d of %d: loss %.4f", step.GetStep(), step.GetTotalSteps(), step.GetMeasures()["loss"])
	case event.GetStateChange() != nil:
		log.Printf("%s %s", event.GetState(), event.GetStateChange().GetReason())
	}
}
