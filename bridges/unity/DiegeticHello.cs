using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Sockets;
using System.Text;
using UnityEngine;

/// <summary>Defines a cue, renders it ahead, and fires it.</summary>
public class DiegeticHello : MonoBehaviour
{
    public string host = "127.0.0.1";
    public int port = 9777;

    private UdpClient socket;

    private void Start()
    {
        socket = new UdpClient(host, port);
        Send("/diegetic/cue/define", 1, "door", "hall", "a heavy wooden door slams");
        Send("/diegetic/cue/arm", 2, "door");
        Invoke("Fire", 0.5f);
    }

    public void Fire()
    {
        Send("/diegetic/cue/door", 1.0f);
    }

    private void Update()
    {
        while (socket.Available > 0)
        {
            IPEndPoint from = null;
            byte[] answer = socket.Receive(ref from);
            Debug.Log(Encoding.ASCII.GetString(answer, 0, Array.IndexOf(answer, (byte)0)));
        }
    }

    private void OnDestroy()
    {
        socket.Close();
    }

    /// <summary>Sends one message. int goes as i, float as f, all else as a string.</summary>
    public void Send(string address, params object[] arguments)
    {
        var tags = new StringBuilder(",");
        var data = new List<byte>();
        foreach (object value in arguments)
        {
            if (value is int)
            {
                tags.Append('i');
                data.AddRange(BigEndian(BitConverter.GetBytes((int)value)));
            }
            else if (value is float)
            {
                tags.Append('f');
                data.AddRange(BigEndian(BitConverter.GetBytes((float)value)));
            }
            else
            {
                tags.Append('s');
                data.AddRange(Padded(value.ToString()));
            }
        }
        var packet = new List<byte>(Padded(address));
        packet.AddRange(Padded(tags.ToString()));
        packet.AddRange(data);
        socket.Send(packet.ToArray(), packet.Count);
    }

    /// <summary>A string with NULs up to a multiple of four.</summary>
    private static byte[] Padded(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Array.Resize(ref bytes, bytes.Length / 4 * 4 + 4);
        return bytes;
    }

    private static byte[] BigEndian(byte[] bytes)
    {
        if (BitConverter.IsLittleEndian)
        {
            Array.Reverse(bytes);
        }
        return bytes;
    }
}
