## Defines a cue, renders it ahead, and fires it with the space bar.
extends Node

const HOST := "127.0.0.1"
const PORT := 9777

var _socket := PacketPeerUDP.new()


func _ready() -> void:
	_socket.connect_to_host(HOST, PORT)
	send_osc("/diegetic/cue/define", [1, "door", "hall", "a heavy wooden door slams"])
	send_osc("/diegetic/cue/arm", [2, "door"])


func _input(event: InputEvent) -> void:
	if event.is_action_pressed("ui_accept"):
		send_osc("/diegetic/cue/door", [1.0])


func _process(_delta: float) -> void:
	while _socket.get_available_packet_count() > 0:
		var answer := _socket.get_packet()
		print(answer.slice(0, answer.find(0)).get_string_from_ascii())


## Sends one message. Integers go as i, floats as f, all else as a string.
func send_osc(address: String, arguments: Array) -> void:
	var buffer := StreamPeerBuffer.new()
	buffer.big_endian = true
	_put_string(buffer, address)
	var tags := ","
	for value in arguments:
		tags += {TYPE_INT: "i", TYPE_FLOAT: "f"}.get(typeof(value), "s")
	_put_string(buffer, tags)
	for value in arguments:
		match typeof(value):
			TYPE_INT:
				buffer.put_32(value)
			TYPE_FLOAT:
				buffer.put_float(value)
			_:
				_put_string(buffer, str(value))
	_socket.put_packet(buffer.data_array)


## A string with NULs up to a multiple of four.
func _put_string(buffer: StreamPeerBuffer, text: String) -> void:
	var bytes := text.to_utf8_buffer()
	buffer.put_data(bytes)
	for i in 4 - bytes.size() % 4:
		buffer.put_8(0)
