package events

import "sync"

// A Hub tells who watches a feed on this server that it has grown. Nothing depends on it: who hears nothing looks again by itself.
type Hub struct {
	mu     sync.Mutex
	waits  map[string]chan struct{}
	gone   chan struct{}
	closed bool
}

// NewHub makes a hub.
func NewHub() *Hub { return &Hub{waits: map[string]chan struct{}{}, gone: make(chan struct{})} }

// Grown says that the merchants' feeds have grown.
func (h *Hub) Grown(merchants []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, merchant := range merchants {
		if wait, ok := h.waits[merchant]; ok {
			close(wait)
			delete(h.waits, merchant)
		}
	}
}

// wait gives a channel that is closed when the merchant's feed has grown after this call.
func (h *Hub) wait(merchant string) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waits[merchant] == nil {
		h.waits[merchant] = make(chan struct{})
	}
	return h.waits[merchant]
}

// Close ends all watching: the server is about to stop.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.gone)
	}
}
