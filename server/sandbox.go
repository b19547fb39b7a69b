package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/antonpayments/anton/server/assembly"
)

// A sandboxFile is sandbox.env in the data directory: where the sandbox is and the keys to it, for scripts and people to source.
type sandboxFile struct {
	URL, APIKey, OpsKey string
	path                string
}

func readSandboxFile(data string) (*sandboxFile, error) {
	path := filepath.Join(data, "sandbox.env")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	values, err := parseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &sandboxFile{URL: values["ANTON_URL"], APIKey: values["ANTON_API_KEY"], OpsKey: values["ANTON_OPS_KEY"], path: path}, nil
}

// openSandbox makes sure that sandbox.env holds keys that work. The first start makes them; a start on another database makes others.
func openSandbox(ctx context.Context, s *settings, server *assembly.Server, addr string) (*sandboxFile, error) {
	file, err := readSandboxFile(s.Data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read sandbox.env: %w", err)
	}
	works := false
	if file != nil {
		if works, err = server.KeysWork(ctx, file.APIKey, file.OpsKey); err != nil {
			return nil, err
		}
	}
	if !works {
		box, err := server.OpenSandbox(ctx)
		if err != nil {
			return nil, err
		}
		file = &sandboxFile{APIKey: box.APIKey, OpsKey: box.OpsKey, path: filepath.Join(s.Data, "sandbox.env")}
	}
	file.URL = "http://" + reachable(addr)
	return file, file.write()
}

// reachable is an address that a client on this machine can use: a server on all addresses is reached on loopback.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// write replaces the file in one step, closed to other users: whoever reads it never sees half of it.
func (f *sandboxFile) write() error {
	text := fmt.Sprintf("ANTON_URL=%s\nANTON_API_KEY=%s\nANTON_OPS_KEY=%s\n", f.URL, f.APIKey, f.OpsKey)
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return fmt.Errorf("write sandbox.env: %w", err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(f.path), "sandbox.env.*") // 0600
	if err != nil {
		return fmt.Errorf("write sandbox.env: %w", err)
	}
	_, err = temporary.WriteString(text)
	if err := errors.Join(err, temporary.Close()); err != nil {
		return fmt.Errorf("write sandbox.env: %w", err)
	}
	if err := os.Rename(temporary.Name(), f.path); err != nil {
		return fmt.Errorf("write sandbox.env: %w", err)
	}
	return nil
}

// greet tells people where everything is.
func greet(out io.Writer, on ports, sandbox *sandboxFile) {
	rest := "http://" + reachable(on.http.Addr().String())
	fmt.Fprintf(out, "\nAnton is running.\n\n  REST       %s\n  gRPC       %s\n  Reference  %s/docs\n  Admin      http://%s/metrics\n", rest, on.grpc.Addr(), rest, reachable(on.admin.Addr().String()))
	if sandbox != nil {
		fmt.Fprintf(out, "\n  API key       %s\n  Operator key  %s\n\n  Both are in %s. Try:\n\n  curl %s/v1/balances/USD -H \"Authorization: Bearer %s\"\n\n",
			sandbox.APIKey, sandbox.OpsKey, sandbox.path, rest, sandbox.APIKey)
	}
	fmt.Fprintln(out, "  Ctrl-C stops it.")
}
