package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/server/assembly"
	"github.com/antonpayments/anton/server/crypto"
)

// readKeyset reads the encryption keys: from the file, or, in the sandbox without one, from the database.
func readKeyset(ctx context.Context, s *settings, pool *pgxpool.Pool, log *slog.Logger) (*crypto.Keyset, error) {
	if s.Keyset == "" {
		return assembly.SandboxKeyset(ctx, pool)
	}
	file, err := keysetFile(s.Keyset, s.KeysetKMS)
	if err != nil {
		return nil, err
	}
	exposed, err := file.Exposed()
	if err != nil {
		return nil, err
	}
	if exposed && s.Environment == "live" {
		return nil, fmt.Errorf("every user of this machine can read the keys in %s: close it with `chmod 600`", s.Keyset)
	} else if exposed {
		log.Warn("every user of this machine can read the encryption keys: close the file with `chmod 600`", slog.String("file", s.Keyset))
	}
	return file.Read()
}

func keysetFile(path, kmsURI string) (crypto.File, error) {
	kms, err := crypto.OpenKMSKey(kmsURI)
	return crypto.File{Path: path, KMS: kms}, err
}

// loadKeys reads the encryption keys and makes sure that they are this database's.
func loadKeys(ctx context.Context, s *settings, pool *pgxpool.Pool, log *slog.Logger) (*crypto.Keys, error) {
	keyset, err := readKeyset(ctx, s, pool, log)
	if err != nil {
		return nil, err
	}
	keys, err := keyset.Keys()
	if err != nil {
		return nil, err
	}
	if s.Environment == "live" && keys.Sandbox {
		return nil, assembly.ErrSandboxKeyset
	}
	return keys, assembly.ClaimKeyset(ctx, pool, keys)
}

// renewOnHangup reads the keyset again whenever the process gets a SIGHUP, until the function that it returns is called. A keyset that
// cannot be read, or is another one, changes nothing and is logged as an error.
func renewOnHangup(ctx context.Context, keys *crypto.Keys, read func() (*crypto.Keyset, error), log *slog.Logger) (stop func()) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-ctx.Done():
				return
			case <-hangup:
			}
			keyset, err := read()
			if err == nil {
				err = keys.Renew(keyset)
			}
			if err != nil {
				log.Error("the encryption keys were not read again; those in use stay", slog.String("cause", err.Error()))
				continue
			}
			log.Info("the encryption keys were read again", slog.Uint64("primary", uint64(keys.Primary())), slog.Int("keys", len(keyset.List())))
		}
	}()
	return func() { signal.Stop(hangup); close(ended) }
}
