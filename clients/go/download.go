package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"mrpo.local/go/runspb"
)

// download writes the adapter of a run into a folder. A file has its name only when it is whole and its hash is right.
func download(ctx context.Context, runs runspb.RunServiceClient, id, folder string) error {
	stream, err := runs.DownloadArtifact(ctx, &runspb.DownloadArtifactRequest{
		RunId:    id,
		Artifact: runspb.Artifact_ARTIFACT_RESULT,
	})
	if err != nil {
		return err
	}
	for {
		first, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := receiveFile(stream, first, folder); err != nil {
			return err
		}
	}
}

// receiveFile takes the pieces of one file; the last one has the hash of the whole.
func receiveFile(stream runspb.RunService_DownloadArtifactClient, piece *runspb.DownloadArtifactResponse, folder string) error {
	name := piece.GetFile()
	path := filepath.Join(folder, filepath.FromSlash(name))
	if !strings.HasPrefix(path, filepath.Clean(folder)+string(filepath.Separator)) {
		return fmt.Errorf("the service sent a file outside %s: %q", folder, name)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	for {
		if _, err := io.MultiWriter(file, hash).Write(piece.GetData()); err != nil {
			return err
		}
		if piece.GetSha256() != "" {
			break
		}
		if piece, err = stream.Recv(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if piece.GetFile() != name {
			return fmt.Errorf("%s: a piece of %s came in the middle of it", name, piece.GetFile())
		}
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != piece.GetSha256() {
		return fmt.Errorf("%s: what came is not what was sent", name)
	}
	if err := file.Close(); err != nil {
		return err
	}
	log.Printf("%s: %d bytes", path, piece.GetSize())
	return os.Rename(path+".part", path)
}
