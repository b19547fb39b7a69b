package screening

import (
	"context"
	"embed"
	"fmt"

	"github.com/antonpayments/anton/server/screening/lists"
)

//go:embed sandbox_list.csv
var sandboxFiles embed.FS

// SandboxList is the sandbox's list in the form that authorities' lists have. Its parties are invented.
func SandboxList() (*lists.List, error) {
	list, err := lists.ReadFS(context.Background(), lists.Sandbox, sandboxFiles)
	if err != nil {
		return nil, fmt.Errorf("read the sandbox's list: %w", err)
	}
	return list, nil
}
